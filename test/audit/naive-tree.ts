/** RFC 6962 §2.1 transcribed: slow, recursive, and obviously the definition. */

import { createHash } from 'node:crypto';

const sha = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};

export class NaiveTree {
  readonly leaves: Uint8Array[] = [];
  readonly #roots = new Map<string, Uint8Array>();

  push(leaf: Uint8Array): void {
    this.leaves.push(leaf);
  }

  root(size: number): Uint8Array {
    return this.mth(0, size);
  }

  mth(from: number, to: number): Uint8Array {
    if (to === from) return sha();
    const key = `${from}-${to}`;
    let root = this.#roots.get(key);
    if (root === undefined) {
      if (to - from === 1) root = sha(Uint8Array.of(0), this.leaves[from] as Uint8Array);
      else {
        const k = split(to - from);
        root = sha(Uint8Array.of(1), this.mth(from, from + k), this.mth(from + k, to));
      }
      this.#roots.set(key, root);
    }
    return root;
  }

  path(m: number, from: number, to: number): Uint8Array[] {
    if (to - from <= 1) return [];
    const k = split(to - from);
    return m < k
      ? [...this.path(m, from, from + k), this.mth(from + k, to)]
      : [...this.path(m - k, from + k, to), this.mth(from, from + k)];
  }

  proof(m: number, n: number): Uint8Array[] {
    return this.subproof(m, 0, n, true);
  }

  subproof(m: number, from: number, to: number, complete: boolean): Uint8Array[] {
    const n = to - from;
    if (m === n) return complete ? [] : [this.mth(from, to)];
    const k = split(n);
    return m <= k
      ? [...this.subproof(m, from, from + k, complete), this.mth(from + k, to)]
      : [...this.subproof(m - k, from + k, to, false), this.mth(from, from + k)];
  }
}

function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}
