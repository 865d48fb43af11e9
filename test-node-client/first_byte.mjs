// Node gives a response 300 seconds for its first byte. The gateway must not wait with it for the answer.
//
//   node first_byte.mjs --base-url URL --upstream URL
//
// The upstream must be a simulated one that takes an hour for a batch. The first byte has to come before it is done:
// only then is its clock moved on.

import { parseArgs } from 'node:util';

import { Checks } from './checks.mjs';
import { answer, asking } from './requests.mjs';

const QUESTION = 'when does it begin';

const { values: urls } = parseArgs({ options: { 'base-url': { type: 'string' }, upstream: { type: 'string' } } });
const checks = new Checks();

const post = (url, body) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer any' },
    body: JSON.stringify(body),
  });

/** Waits until the batch is upstream, and lets two hours pass for it. */
async function finish() {
  const simulator = urls.upstream.replace('/v1', '/simulator');
  while ((await (await fetch(`${simulator}/ledger`)).json()).creates === 0) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await post(`${simulator}/clock`, { advance_seconds: 7200 });
}

const response = await post(`${urls['base-url']}/chat/completions`, asking(QUESTION));
const pieces = response.body.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
const first = (await pieces.next()).value;
await finish();
let rest = '';
for await (const piece of { [Symbol.asyncIterator]: () => pieces }) {
  rest += piece;
}
checks.equal('the status', response.status, 200);
checks.equal('the first piece', first.trim(), '');
checks.equal('the whole', JSON.parse(first + rest).choices[0].message.content, answer(QUESTION));
checks.close();
