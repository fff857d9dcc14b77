import { type Column, flag, integer } from '../ports/read-models/table.js';

/** How far a list is in a conversation whose claims it shows. */
export interface ClaimCoverage {
  /** How many events of its ledger are in the rows. */
  readonly seen: number;
  readonly open: string | null;
  /** The generation that was claimed last: a claim may come a moment before its prompt. */
  readonly claimed: string | null;
}

export const isOpenClaimed = ({ open, claimed }: ClaimCoverage): boolean => open !== null && open === claimed;

export const coverageColumns: readonly Column<ClaimCoverage>[] = [
  integer('seen', (row) => row.seen),
  flag('claimed', isOpenClaimed),
];
