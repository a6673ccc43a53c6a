/** What a bench says on standard output: one JSON object a line, for programs. What is for people goes to standard error. */

export function print(result: object): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
