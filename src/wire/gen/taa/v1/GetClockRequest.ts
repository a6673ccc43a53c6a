// Original file: proto/taa/v1/admin.proto


export interface GetClockRequest {
}

export interface GetClockRequest__Output {
}
