// Original file: proto/taa/v1/time.proto

import type { Verdict as _taa_v1_Verdict, Verdict__Output as _taa_v1_Verdict__Output } from '../../taa/v1/Verdict.js';
import type { Long } from '@grpc/proto-loader';

/**
 * What became of an audit. For a pass it is sent only after the certificate's record is committed and published.
 */
export interface AuditOutcome {
  'request'?: (number | string | Long);
  /**
   * The device's audit sequence number; 0 if the audit was refused before it got one.
   */
  'sequence'?: (number | string | Long);
  'verdict'?: (_taa_v1_Verdict);
  /**
   * Why the verdict is not a pass, from the closed list of error reasons; empty for a pass.
   */
  'reason'?: (string);
  /**
   * TSA − UTC(NICT) lies in [low, high]. Unit: ns.
   */
  'lowNs'?: (number | string | Long);
  'highNs'?: (number | string | Long);
  /**
   * Receipt bundle: leaf, proof, checkpoint, certificate, chain, policy version. Present for a pass.
   */
  'receipt'?: (Buffer | Uint8Array | string);
  /**
   * How long the device may issue, counted on its monotonic clock from when it sent the audit request. Unit: ns.
   */
  'leaseNs'?: (number | string | Long);
  /**
   * The measurement was committed but is not certified (voided); its reason is above.
   */
  'voided'?: (boolean);
}

/**
 * What became of an audit. For a pass it is sent only after the certificate's record is committed and published.
 */
export interface AuditOutcome__Output {
  'request': (string);
  /**
   * The device's audit sequence number; 0 if the audit was refused before it got one.
   */
  'sequence': (string);
  'verdict': (_taa_v1_Verdict__Output);
  /**
   * Why the verdict is not a pass, from the closed list of error reasons; empty for a pass.
   */
  'reason': (string);
  /**
   * TSA − UTC(NICT) lies in [low, high]. Unit: ns.
   */
  'lowNs': (string);
  'highNs': (string);
  /**
   * Receipt bundle: leaf, proof, checkpoint, certificate, chain, policy version. Present for a pass.
   */
  'receipt': (Buffer);
  /**
   * How long the device may issue, counted on its monotonic clock from when it sent the audit request. Unit: ns.
   */
  'leaseNs': (string);
  /**
   * The measurement was committed but is not certified (voided); its reason is above.
   */
  'voided': (boolean);
}
