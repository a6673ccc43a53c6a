// Original file: proto/taa/v1/admin.proto

export const RaftRole = {
  RAFT_ROLE_UNSPECIFIED: 'RAFT_ROLE_UNSPECIFIED',
  RAFT_ROLE_FOLLOWER: 'RAFT_ROLE_FOLLOWER',
  RAFT_ROLE_PRE_CANDIDATE: 'RAFT_ROLE_PRE_CANDIDATE',
  RAFT_ROLE_CANDIDATE: 'RAFT_ROLE_CANDIDATE',
  RAFT_ROLE_LEADER: 'RAFT_ROLE_LEADER',
} as const;

export type RaftRole =
  | 'RAFT_ROLE_UNSPECIFIED'
  | 0
  | 'RAFT_ROLE_FOLLOWER'
  | 1
  | 'RAFT_ROLE_PRE_CANDIDATE'
  | 2
  | 'RAFT_ROLE_CANDIDATE'
  | 3
  | 'RAFT_ROLE_LEADER'
  | 4

export type RaftRole__Output = typeof RaftRole[keyof typeof RaftRole]
