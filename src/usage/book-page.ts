/** Some tenants of the book's hour under way, as they are written down together: exact, so that it can be gone on with. */
import { BOOK_VERSION } from './book-state.js';
import { ByteReader, ByteWriter, Damaged } from './bytes.js';
import { readRecord, writeRecord } from './record-codec.js';
import type { UsageRecord } from './usage-record.js';

const MOST_ID_BYTES = 512;

export interface TenantRecord {
  readonly tenant: string;
  readonly record: UsageRecord;
}

export function writePage(hour: number, records: readonly TenantRecord[]): Buffer {
  const to = new ByteWriter();
  to.byte(BOOK_VERSION);
  to.number(hour);
  to.number(records.length);
  for (const { tenant, record } of records) {
    to.text(tenant);
    writeRecord(to, record, true);
  }
  return to.bytes();
}

/** Throws Damaged. */
export function readPage(page: Buffer): { readonly hour: number; readonly records: readonly TenantRecord[] } {
  const from = new ByteReader(page);
  if (from.byte() !== BOOK_VERSION) throw new Damaged('a page of the book is of another version');
  const hour = from.number();
  const count = from.count(16);
  const records: TenantRecord[] = [];
  for (let i = 0; i < count; i++)
    records.push({ tenant: from.text(MOST_ID_BYTES), record: readRecord(from) });
  return { hour, records };
}
