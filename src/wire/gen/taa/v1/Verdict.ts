// Original file: proto/taa/v1/common.proto

/**
 * The result of an audit over the interval of TSA − UTC(NICT).
 */
export const Verdict = {
  VERDICT_UNSPECIFIED: 'VERDICT_UNSPECIFIED',
  VERDICT_PASS: 'VERDICT_PASS',
  VERDICT_FAIL: 'VERDICT_FAIL',
  VERDICT_INCONCLUSIVE: 'VERDICT_INCONCLUSIVE',
} as const;

/**
 * The result of an audit over the interval of TSA − UTC(NICT).
 */
export type Verdict =
  | 'VERDICT_UNSPECIFIED'
  | 0
  | 'VERDICT_PASS'
  | 1
  | 'VERDICT_FAIL'
  | 2
  | 'VERDICT_INCONCLUSIVE'
  | 3

/**
 * The result of an audit over the interval of TSA − UTC(NICT).
 */
export type Verdict__Output = typeof Verdict[keyof typeof Verdict]
