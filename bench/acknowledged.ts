/** Which leaf each acknowledged record became, by its number: numbers are dense, so that hours of load fit into memory. */
export class Acknowledged {
  /** Leaf + 1; 0 for a record that was not acknowledged. */
  #leaves = new Float64Array(1 << 16);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  set(number: number, leaf: number): void {
    if (number >= this.#leaves.length) {
      const larger = new Float64Array(2 * Math.max(number, this.#leaves.length));
      larger.set(this.#leaves);
      this.#leaves = larger;
    }
    if (this.#leaves[number] === 0) this.#count += 1;
    this.#leaves[number] = leaf + 1;
  }

  *entries(): Generator<readonly [number: number, leaf: number]> {
    for (const [number, leaf] of this.#leaves.entries()) if (leaf > 0) yield [number, leaf - 1];
  }
}
