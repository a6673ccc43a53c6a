/** `taactl cert …`: time-audit certificates: show what one states, fetch its receipt, verify both offline. */

import { existsSync, writeFileSync } from 'node:fs';
import type { Argv } from 'yargs';
import { builtinLeapTable } from '../../src/time/leap-table.js';
import type { TaiNs } from '../../src/time/types.js';
import { parseUtc } from '../../src/time/utc-label.js';
import { hexOf } from '../../src/verify/bytes.js';
import { CborError } from '../../src/verify/cbor.js';
import { trustOfGenesis, verifyCertificateBundle } from '../../src/verify/certificate-bundle.js';
import { CmsError, readSignedData } from '../../src/verify/cms.js';
import { nodeVerifier } from '../../src/verify/crypto.js';
import { DerError } from '../../src/verify/der.js';
import { decodeReceipt } from '../../src/verify/receipt.js';
import { decodeStatement, StatementError, type TimeAuditStatement } from '../../src/verify/statement.js';
import { posixLabel } from '../../src/verify/calendar.js';
import { CertificateError, type Certificate } from '../../src/verify/x509.js';
import { fieldsOf } from './audit.js';
import { formatNs } from './durations.js';
import { CliError, exitCodes, usageError } from './outcome.js';
import type { Json } from './output.js';
import { print, required, resolveFlags, withConnection, type GlobalFlags, type Session } from './settings.js';
import { renderFields } from './table.js';
import { readFileOf, readGenesisFile } from './trust.js';

export function certCommands(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command('cert', 'time-audit certificates', (cert) => {
    show(cert, session);
    verify(cert, session);
    get(cert, session);
    return cert.demandCommand(1, 'give one of: cert show, verify, get');
  });
}

/** A file holds a certificate (DER), or a receipt bundle, which holds one. */
interface Given {
  readonly certificate: Uint8Array | null;
  readonly receipt: Uint8Array | null;
}

const DER_SEQUENCE = 0x30;

function readGiven(file: string): Given {
  const bytes = readFileOf('FILE', file);
  return bytes[0] === DER_SEQUENCE
    ? { certificate: bytes, receipt: null }
    : { certificate: null, receipt: bytes };
}

// ---- show ----------------------------------------------------------------------------------------------------------

function show(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'show <file>',
    'every field of a certificate or receipt, without verifying it',
    (sub) =>
      sub.positional('file', { type: 'string', demandOption: true, describe: 'certificate or receipt' }),
    (flags) => {
      const { statement, signer } = readStatement(flags.file);
      const document: Json = {
        verified: false,
        statement: jsonOfStatement(statement),
        signer: {
          identity: signer.uris.join(', '),
          serial: signer.serial.toString(16),
          notBefore: posixLabel(signer.notBefore),
          notAfter: posixLabel(signer.notAfter),
          algorithm: signer.signatureAlgorithm,
        },
      };
      print(session, flags, document, () => statementTable(statement, document));
    },
  );
}

function readStatement(file: string): {
  readonly statement: TimeAuditStatement;
  readonly signer: Certificate;
} {
  const { certificate, receipt } = readGiven(file);
  try {
    const cms = certificate ?? decodeReceipt(receipt ?? new Uint8Array(0)).certificate;
    const data = readSignedData(cms);
    return { statement: decodeStatement(data.content), signer: data.signer };
  } catch (cause) {
    const isFormat =
      cause instanceof CborError ||
      cause instanceof CmsError ||
      cause instanceof DerError ||
      cause instanceof StatementError ||
      cause instanceof CertificateError;
    if (!isFormat) throw cause;
    throw new CliError(
      exitCodes.failed,
      'UNREADABLE',
      `${file} is neither a certificate nor a receipt of this version: ${cause.message}`,
      { cause },
    );
  }
}

/** Small counters stay numbers; lengths and instants are decimal strings of nanoseconds. */
function jsonOfStatement(value: unknown): Json {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return hexOf(value);
  if (Array.isArray(value)) return value.map(jsonOfStatement);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonOfStatement(item)]));
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}

function statementTable(statement: TimeAuditStatement, document: Json): string {
  const { result, limits, verdict, measuredAt, source } = statement;
  const head = renderFields([
    ['verdict', verdict],
    [
      'TSA - UTC',
      `${formatNs(result.offset, true)}, in [${formatNs(result.low, true)}, ${formatNs(result.high, true)}], limit ±${formatNs(limits.offset)}`,
    ],
    ['measured', measuredAt.utc],
    ['traceable to', source.name],
    ['verified', 'no: taactl cert verify does that'],
  ]);
  return `${head}\n${renderFields(fieldsOf(document, ''))}`;
}

// ---- verify --------------------------------------------------------------------------------------------------------

function verify(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'verify <file>',
    'verify a certificate with its receipt, offline, against a genesis',
    (sub) =>
      sub
        .positional('file', {
          type: 'string',
          demandOption: true,
          describe: 'certificate, or receipt that holds one',
        })
        .option('receipt', { type: 'string', describe: 'the receipt of the certificate' })
        .option('at', {
          type: 'string',
          describe: 'instant that the evidence must cover, 2026-11-24T12:00:00Z',
        }),
    (flags) => {
      const file = required(
        resolveFlags(flags, session),
        'genesis',
        'trust comes from it and from nothing else',
      );
      const at = flags.at === undefined ? undefined : instant(flags.at);
      const { genesis } = readGenesisFile(file);
      const given = readGiven(flags.file);
      const receipt = flags.receipt === undefined ? given.receipt : readFileOf('--receipt', flags.receipt);
      const verdict = verifyCertificateBundle(
        given.certificate,
        receipt,
        trustOfGenesis(genesis, at),
        nodeVerifier,
      );
      if (!verdict.ok) {
        const document = { verified: false, reasons: verdict.codes, message: verdict.message };
        print(session, flags, document, () =>
          renderFields([
            ['verified', 'NO'],
            ['reasons', verdict.codes.join(', ')],
            ['because', verdict.message],
          ]),
        );
        session.exitCode = exitCodes.verificationFailed;
        return;
      }
      const { statement, checkpoint, lines } = verdict;
      const document = {
        verified: true,
        reasons: [],
        statement: jsonOfStatement(statement),
        checkpoint: {
          origin: checkpoint.origin,
          size: String(checkpoint.size),
          root: hexOf(checkpoint.root),
        },
        cosignedBy: lines.plain,
        timestampedBy: lines.timestamped.map(({ node, seconds }) => ({
          node,
          posixSeconds: String(seconds),
        })),
        laboratory: genesis.lab,
      };
      print(session, flags, document, () =>
        renderFields([
          ['verified', `yes${genesis.lab ? ', of a laboratory: no proof of traceability to UTC(NICT)' : ''}`],
          ['verdict', statement.verdict],
          ['device', `${statement.audited.device}, audit ${statement.sequence}`],
          [
            'TSA - UTC',
            `[${formatNs(statement.result.low, true)}, ${formatNs(statement.result.high, true)}]`,
          ],
          ['measured', statement.measuredAt.utc],
          ['evidence', `from ${statement.validity.from.utc} until ${statement.validity.to.utc}`],
          ['issued by', `${statement.auditor.node} at ${statement.auditor.site}`],
          ['traceable to', statement.source.name],
          ['log', `${checkpoint.origin}, size ${checkpoint.size}, cosigned by ${lines.plain.join(', ')}`],
        ]),
      );
    },
  );
}

/** @throws CliError usage */
function instant(text: string): TaiNs {
  const found = parseUtc(text, builtinLeapTable);
  if (found !== null) return found;
  throw usageError(`--at: ${JSON.stringify(text)} is not an instant; write e.g. 2026-11-24T12:00:00Z`);
}

// ---- get -----------------------------------------------------------------------------------------------------------

function get(cli: Argv<GlobalFlags>, session: Session): void {
  cli.command(
    'get <device> <sequence>',
    'fetch a recent certificate and its receipt',
    (sub) =>
      sub
        .positional('device', { type: 'string', demandOption: true, describe: 'opaque id' })
        .positional('sequence', {
          type: 'number',
          demandOption: true,
          describe: 'number of the audit, from 1',
        })
        .option('out', { type: 'string', demandOption: true, describe: 'writes OUT.receipt and OUT.p7m' }),
    async (flags) => {
      if (!Number.isSafeInteger(flags.sequence) || flags.sequence < 1) {
        throw usageError('SEQUENCE is a whole number from 1');
      }
      const names = { receipt: `${flags.out}.receipt`, certificate: `${flags.out}.p7m` };
      for (const name of Object.values(names)) {
        if (existsSync(name)) throw usageError(`${name} exists; choose another --out`);
      }
      await withConnection(flags, session, async ({ connection }) => {
        const { LogReader } = await import('../../src/operator/log-reader.js');
        const receipt = await new LogReader(connection).receipt(flags.device, flags.sequence);
        writeFileSync(names.receipt, receipt);
        writeFileSync(names.certificate, decodeReceipt(receipt).certificate);
        print(session, flags, names, () => renderFields(Object.entries(names)));
      });
    },
  );
}
