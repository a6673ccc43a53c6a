// Original file: proto/taa/v1/admin.proto


export interface GetGenesisRequest {
}

export interface GetGenesisRequest__Output {
}
