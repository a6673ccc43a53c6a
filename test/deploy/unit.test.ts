import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';

const unit = join(process.cwd(), 'deploy', 'taad.service');
const available = spawnSync('systemd-analyze', ['--version']).status === 0;
const unitTest = available ? test : test.skip;
const reason = available ? '' : ' (systemd-analyze is absent: install the package systemd)';

function analyse(...args: readonly string[]) {
  const result = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  return { status: result.status, output: result.stdout + result.stderr };
}

/** The unit as it would be installed here: the program and the account are this machine's. */
function installed(change: (text: string) => string = (text) => text): { path: string; remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'taad-unit-'));
  const path = join(directory, 'taad.service');
  cpSync(unit, path);
  writeFileSync(path, change(readFileSync(path, 'utf8')));
  return { path, remove: () => rmSync(directory, { recursive: true }) };
}

unitTest(`the unit is accepted by systemd-analyze verify${reason}`, (t) => {
  const { path, remove } = installed();
  const { status, output } = analyse('verify', '--recursive-errors=yes', '--man=no', path);
  remove();
  t.is(status, 0, output);
});

unitTest(`a misspelt key is refused${reason}`, (t) => {
  const { path, remove } = installed((text) => text.replace('ProtectClock=', 'ProtektClock='));
  const { status } = analyse('verify', '--recursive-errors=yes', '--man=no', path);
  remove();
  t.not(status, 0);
});

unitTest(`the unit's exposure is below 2.0${reason}`, (t) => {
  const { path, remove } = installed();
  const { status, output } = analyse('security', '--offline=true', '--threshold=20', path);
  remove();
  t.is(status, 0, output.split('\n').slice(-3).join('\n'));
});

unitTest(`a unit without its protections is above the threshold${reason}`, (t) => {
  const { path, remove } = installed((text) =>
    text.replace(/^(Protect|Private|Restrict|Capability|SystemCall).*$/gm, ''),
  );
  const { status } = analyse('security', '--offline=true', '--threshold=20', path);
  remove();
  t.not(status, 0);
});
