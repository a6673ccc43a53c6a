/**
 * Protobuf ↔ ours for taa.v1.TimeService. Total in both directions: every message of ours has one protobuf form, and
 * every protobuf message gives one of ours or MalformedMessage naming the field. Ranges are those of time.proto.
 */

import {
  auditPolicyFromProto,
  auditPolicyToProto,
  clockStates,
  instantFromProto,
  instantToProto,
  leapStates,
  requestNumber,
  timescales,
  verdicts,
} from './common-mapping.js';
import { bytesOf, countOf, instantOf, lengthOf, present, spanOf, textOf } from './fields.js';
import type { AuditOutcome__Output } from './gen/taa/v1/AuditOutcome.js';
import type { GetTimeRequest, GetTimeRequest__Output } from './gen/taa/v1/GetTimeRequest.js';
import type { GetTimeResponse, GetTimeResponse__Output } from './gen/taa/v1/GetTimeResponse.js';
import type { ProbeReply__Output } from './gen/taa/v1/ProbeReply.js';
import type {
  SessionRequest as ProtoRequest,
  SessionRequest__Output as ProtoRequestOut,
} from './gen/taa/v1/SessionRequest.js';
import type {
  SessionResponse as ProtoResponse,
  SessionResponse__Output as ProtoResponseOut,
} from './gen/taa/v1/SessionResponse.js';
import type { StopOrder__Output } from './gen/taa/v1/StopOrder.js';
import type { Welcome__Output } from './gen/taa/v1/Welcome.js';
import { MalformedMessage } from './malformed.js';
import { plainBytes } from './protobuf.js';
import type {
  OutcomeMessage,
  SessionRequest,
  SessionResponse,
  StopOrderMessage,
  TimeMessage,
} from './messages.js';

/** Bounds of what a client may send. Unit: bytes, or characters for texts. */
const limits = {
  nonce: [8, 32],
  probeNonce: 16,
  session: 16,
  software: 64,
  statement: 65_536,
  signature: 1_024,
} as const;

export const timeRequestToProto = (nonce: Uint8Array): GetTimeRequest => ({ nonce });

/** @throws MalformedMessage */
export const timeRequestFromProto = (proto: GetTimeRequest__Output): Uint8Array =>
  bytesOf('nonce', proto.nonce, ...limits.nonce);

export const timeToProto = (message: TimeMessage): GetTimeResponse => ({
  nonce: message.nonce,
  received: instantToProto(message.received),
  transmitted: instantToProto(message.transmitted),
  clockState: clockStates.proto(message.clockState),
  leap: leapStates.proto(message.leap),
  uncertified: message.uncertified,
});

/** @throws MalformedMessage */
export const timeFromProto = (proto: GetTimeResponse__Output): TimeMessage => ({
  kind: 'time',
  nonce: bytesOf('time.nonce', proto.nonce, ...limits.nonce),
  received: instantFromProto('time.received', proto.received),
  transmitted: instantFromProto('time.transmitted', proto.transmitted),
  clockState: clockStates.ours('time.clock_state', proto.clockState),
  leap: leapStates.ours('time.leap', proto.leap),
  uncertified: proto.uncertified,
});

export function requestToProto(message: SessionRequest): ProtoRequest {
  switch (message.kind) {
    case 'hello':
      return { hello: { session: message.session, software: message.software } };
    case 'timeQuery':
      return { timeQuery: { nonce: message.nonce } };
    case 'auditRequest':
      return { auditRequest: { request: message.request } };
    case 'probeReply':
      return {
        probeReply: {
          nonce: message.nonce,
          receivedTaiNs: message.received.toString(),
          transmittedTaiNs: message.transmitted.toString(),
          timescale: timescales.proto(message.timescale),
        },
      };
    case 'signedReadings': {
      const { request, statement, signature } = message;
      return { signedReadings: { request, statement, signature } };
    }
    case 'stopAcknowledgement': {
      const { order, statement, signature } = message;
      return { stopAcknowledgement: { order, statement, signature } };
    }
    case 'fetchOutcome':
      return { fetchOutcome: { request: message.request } };
  }
}

/** @throws MalformedMessage */
export function requestFromProto(proto: ProtoRequestOut): SessionRequest {
  switch (proto.message) {
    case 'hello': {
      const hello = present('hello', proto.hello);
      return {
        kind: 'hello',
        session: bytesOf('hello.session', hello.session, limits.session, limits.session),
        software: textOf('hello.software', hello.software, limits.software),
      };
    }
    case 'timeQuery': {
      const { nonce } = present('time_query', proto.timeQuery);
      return { kind: 'timeQuery', nonce: bytesOf('time_query.nonce', nonce, ...limits.nonce) };
    }
    case 'auditRequest': {
      const { request } = present('audit_request', proto.auditRequest);
      return { kind: 'auditRequest', request: requestNumber('audit_request.request', request) };
    }
    case 'probeReply':
      return probeReplyFromProto(present('probe_reply', proto.probeReply));
    case 'signedReadings': {
      const readings = present('signed_readings', proto.signedReadings);
      return {
        kind: 'signedReadings',
        request: requestNumber('signed_readings.request', readings.request),
        ...signed('signed_readings', readings),
      };
    }
    case 'stopAcknowledgement': {
      const acknowledgement = present('stop_acknowledgement', proto.stopAcknowledgement);
      return {
        kind: 'stopAcknowledgement',
        order: countOf('stop_acknowledgement.order', acknowledgement.order),
        ...signed('stop_acknowledgement', acknowledgement),
      };
    }
    case 'fetchOutcome': {
      const { request } = present('fetch_outcome', proto.fetchOutcome);
      return { kind: 'fetchOutcome', request: requestNumber('fetch_outcome.request', request) };
    }
    default:
      throw new MalformedMessage('message', 'it holds none of the messages that a client may send');
  }
}

function probeReplyFromProto(proto: ProbeReply__Output): SessionRequest {
  return {
    kind: 'probeReply',
    nonce: bytesOf('probe_reply.nonce', proto.nonce, limits.probeNonce, limits.probeNonce),
    received: instantOf('probe_reply.received_tai_ns', proto.receivedTaiNs),
    transmitted: instantOf('probe_reply.transmitted_tai_ns', proto.transmittedTaiNs),
    timescale: timescales.ours('probe_reply.timescale', proto.timescale),
  };
}

function signed(
  field: string,
  proto: { readonly statement: Uint8Array; readonly signature: Uint8Array },
): { readonly statement: Uint8Array; readonly signature: Uint8Array } {
  return {
    statement: bytesOf(`${field}.statement`, proto.statement, 1, limits.statement),
    signature: bytesOf(`${field}.signature`, proto.signature, 1, limits.signature),
  };
}

export function responseToProto(message: SessionResponse): ProtoResponse {
  switch (message.kind) {
    case 'welcome':
      return {
        welcome: {
          device: message.device,
          node: message.node,
          site: message.site,
          policy: auditPolicyToProto(message.policy),
          stop: message.stop,
          lastSequence: message.lastSequence,
        },
      };
    case 'time':
      return { time: timeToProto(message) };
    case 'probe':
      return { probe: { request: message.request, nonce: message.nonce } };
    case 'readingsRequest':
      return { readingsRequest: { request: message.request } };
    case 'outcome':
      return {
        outcome: {
          request: message.request,
          sequence: message.sequence,
          verdict: verdicts.proto(message.verdict),
          reason: message.reason,
          lowNs: message.low.toString(),
          highNs: message.high.toString(),
          receipt: message.receipt,
          leaseNs: message.lease.toString(),
          voided: message.voided,
        },
      };
    case 'stopOrder':
      return { stopOrder: { order: message.order, reason: message.reason } };
    case 'stopRelease':
      return { stopRelease: { order: message.order } };
    case 'goingAway':
      return { goingAway: { reason: message.reason } };
  }
}

/**
 * What a node sent. The texts of a node are taken as they are; numbers are checked, because leases and stops hang on them.
 * @throws MalformedMessage
 */
export function responseFromProto(proto: ProtoResponseOut): SessionResponse {
  switch (proto.message) {
    case 'welcome':
      return welcomeFromProto(present('welcome', proto.welcome));
    case 'time':
      return timeFromProto(present('time', proto.time));
    case 'probe': {
      const { request, nonce } = present('probe', proto.probe);
      return {
        kind: 'probe',
        request: requestNumber('probe.request', request),
        nonce: bytesOf('probe.nonce', nonce, limits.probeNonce, limits.probeNonce),
      };
    }
    case 'readingsRequest': {
      const { request } = present('readings_request', proto.readingsRequest);
      return { kind: 'readingsRequest', request: requestNumber('readings_request.request', request) };
    }
    case 'outcome':
      return outcomeFromProto(present('outcome', proto.outcome));
    case 'stopOrder':
      return { kind: 'stopOrder', ...stopFromProto('stop_order', present('stop_order', proto.stopOrder)) };
    case 'stopRelease': {
      const { order } = present('stop_release', proto.stopRelease);
      return { kind: 'stopRelease', order: countOf('stop_release.order', order) };
    }
    case 'goingAway':
      return { kind: 'goingAway', reason: present('going_away', proto.goingAway).reason };
    default:
      throw new MalformedMessage('message', 'it holds none of the messages that this version knows');
  }
}

const stopFromProto = (field: string, proto: StopOrder__Output): StopOrderMessage => ({
  order: countOf(`${field}.order`, proto.order),
  reason: proto.reason,
});

const welcomeFromProto = (proto: Welcome__Output): SessionResponse => ({
  kind: 'welcome',
  device: proto.device,
  node: proto.node,
  site: proto.site,
  policy: auditPolicyFromProto('welcome.policy', proto.policy),
  stop: proto.stop ? stopFromProto('welcome.stop', proto.stop) : null,
  lastSequence: countOf('welcome.last_sequence', proto.lastSequence),
});

const outcomeFromProto = (proto: AuditOutcome__Output): OutcomeMessage => ({
  kind: 'outcome',
  request: requestNumber('outcome.request', proto.request),
  sequence: countOf('outcome.sequence', proto.sequence),
  verdict: verdicts.ours('outcome.verdict', proto.verdict),
  reason: proto.reason,
  low: lengthOf('outcome.low_ns', proto.lowNs),
  high: lengthOf('outcome.high_ns', proto.highNs),
  receipt: plainBytes(proto.receipt),
  lease: spanOf('outcome.lease_ns', proto.leaseNs),
  voided: proto.voided,
});
