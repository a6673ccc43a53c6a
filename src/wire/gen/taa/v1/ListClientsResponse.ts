// Original file: proto/taa/v1/admin.proto

import type { Client as _taa_v1_Client, Client__Output as _taa_v1_Client__Output } from '../../taa/v1/Client.js';

export interface ListClientsResponse {
  'clients'?: (_taa_v1_Client)[];
}

export interface ListClientsResponse__Output {
  'clients': (_taa_v1_Client__Output)[];
}
