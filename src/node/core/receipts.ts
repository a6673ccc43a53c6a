/**
 * Receipt bundles: a certificate with the proof that its records stand in the log under a published checkpoint. Made
 * anew against the newest checkpoint each time; the certificate's bytes never change.
 */

import type { Ledger } from '../../audit/ledger.js';
import type { Authority } from '../../authority/api.js';
import type { Audit } from '../../authority/model.js';
import type { ProvenLeaf } from '../../verify/receipt.js';
import { encodeReceipt } from '../../verify/receipt.js';

/** Where the newest published checkpoint is found. */
export interface PublishedCheckpoint {
  readonly newest: () => { readonly size: number; readonly note: Uint8Array } | null;
}

type Done<T> = (error: Error | null, value?: T) => void;

/** The certificate has no receipt (yet): it was never issued, or no published checkpoint covers its record. */
export class NoReceiptError extends Error {
  override readonly name = 'NoReceiptError';
  readonly code = 'NOT_YET_PUBLISHED';
}

export class Receipts {
  readonly #authority: Authority;
  readonly #ledger: Ledger;
  readonly #published: PublishedCheckpoint;

  constructor(authority: Authority, ledger: Ledger, published: PublishedCheckpoint) {
    this.#authority = authority;
    this.#ledger = ledger;
    this.#published = published;
  }

  of(audit: Audit, done: Done<Uint8Array>): void {
    const { outcome } = audit;
    const certificate = this.#authority.certificate(audit);
    if (outcome?.kind !== 'certified' || certificate === null) {
      done(new NoReceiptError(`audit ${audit.sequence} of ${audit.device} has no certificate`));
      return;
    }
    const checkpoint = this.#published.newest();
    if (checkpoint === null || checkpoint.size <= outcome.leaf) {
      done(new NoReceiptError(`no published checkpoint covers leaf ${outcome.leaf} yet`));
      return;
    }
    const members = this.#authority.membershipSteps(checkpoint.size);
    this.#prove(audit.leaf, checkpoint.size, (error, measurement) => {
      if (error !== null || measurement === undefined) {
        done(error);
        return;
      }
      this.#prove(outcome.leaf, checkpoint.size, (failed, issuance) => {
        if (failed !== null || issuance === undefined) {
          done(failed);
          return;
        }
        done(
          null,
          encodeReceipt({
            issuance,
            measurement,
            checkpoint: checkpoint.note,
            certificate,
            chain: this.#chainOf(audit.node),
            policyVersion: audit.policyVersion,
            ...(members.length === 0 ? {} : { members }),
          }),
        );
      });
    });
  }

  #prove(index: number, size: number, done: Done<ProvenLeaf>): void {
    this.#ledger.leaf(index, (error, leaf) => {
      if (error !== null || leaf === undefined) {
        done(error);
        return;
      }
      this.#ledger.inclusionProof(index, size, (failed, path) => {
        if (failed !== null || path === undefined) done(failed);
        else done(null, { leaf, index, path });
      });
    });
  }

  #chainOf(node: string): readonly Uint8Array[] {
    const member = this.#authority.member(node);
    return member === undefined ? [] : [member.issuingCertificate];
  }
}
