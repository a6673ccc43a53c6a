/** Protobuf ↔ ours, all of it: the only functions that see generated message types. */

export * from './common-mapping.js';
export * from './session-mapping.js';
