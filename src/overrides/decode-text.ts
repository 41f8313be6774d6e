/** The text of a document: gunzipped if its name ends in .gz, off the event loop and within a size limit. */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { messageOf } from '../base/message-of.js';

const gunzipAside = promisify(gunzip);

export async function decodeText(name: string, bytes: Buffer, maxBytes: number): Promise<string> {
  if (bytes.length > maxBytes) throw tooLarge(name, maxBytes);
  if (!name.endsWith('.gz')) return bytes.toString('utf8');
  try {
    return (await gunzipAside(bytes, { maxOutputLength: maxBytes })).toString('utf8');
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(name, maxBytes);
    throw new Error(`${name}: ${messageOf(error)}`);
  }
}

function tooLarge(name: string, maxBytes: number): Error {
  return new Error(`${name} has more than ${maxBytes} bytes (overrides.max_bytes)`);
}
