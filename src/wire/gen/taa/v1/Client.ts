// Original file: proto/taa/v1/admin.proto

import type { AuditPolicy as _taa_v1_AuditPolicy, AuditPolicy__Output as _taa_v1_AuditPolicy__Output } from '../../taa/v1/AuditPolicy.js';
import type { Verdict as _taa_v1_Verdict, Verdict__Output as _taa_v1_Verdict__Output } from '../../taa/v1/Verdict.js';
import type { Long } from '@grpc/proto-loader';

export interface Client {
  'device'?: (string);
  'subscriber'?: (string);
  'identity'?: (string);
  'policy'?: (_taa_v1_AuditPolicy | null);
  /**
   * Present while a stop stands.
   */
  'stopped'?: (boolean);
  'stopReason'?: (string);
  'stopOrder'?: (number | string | Long);
  'stopAcknowledged'?: (boolean);
  'lastSequence'?: (number | string | Long);
  /**
   * The node that holds a live session, if the answering node does.
   */
  'connected'?: (boolean);
  'lastVerdict'?: (_taa_v1_Verdict);
  /**
   * TSA − UTC(NICT) of the last audit lies in [low, high]. Unit: ns.
   */
  'lastLowNs'?: (number | string | Long);
  'lastHighNs'?: (number | string | Long);
}

export interface Client__Output {
  'device': (string);
  'subscriber': (string);
  'identity': (string);
  'policy': (_taa_v1_AuditPolicy__Output | null);
  /**
   * Present while a stop stands.
   */
  'stopped': (boolean);
  'stopReason': (string);
  'stopOrder': (string);
  'stopAcknowledged': (boolean);
  'lastSequence': (string);
  /**
   * The node that holds a live session, if the answering node does.
   */
  'connected': (boolean);
  'lastVerdict': (_taa_v1_Verdict__Output);
  /**
   * TSA − UTC(NICT) of the last audit lies in [low, high]. Unit: ns.
   */
  'lastLowNs': (string);
  'lastHighNs': (string);
}
