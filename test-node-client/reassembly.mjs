// A stream that openai-node puts together must equal the plain answer, member for member.
//
//   node reassembly.mjs --base-url URL
//
// The gateway's upstream must be the simulated one. The stream is asked for as a request sent again, so that it is made
// of the same answer.

import { parseArgs } from 'node:util';

import OpenAI from 'openai';

import { Checks } from './checks.mjs';
import { MODEL, asking, tools } from './requests.mjs';

const { values: gateway } = parseArgs({ options: { 'base-url': { type: 'string' } } });
const checks = new Checks();
const client = new OpenAI({ baseURL: gateway['base-url'], apiKey: 'any' });
const again = { headers: { 'x-stainless-retry-count': '1' } };

const CHATS = {
  text: asking('node: a text'),
  'two calls of tools': asking('node: tools [[tools]]', { tools }),
  refusal: asking('node: no [[refusal]]'),
  logprobs: asking('node: how sure', { logprobs: true, top_logprobs: 2 }),
  'three choices': asking('node: thrice', { n: 3 }),
};

/** Without what the client adds of its own: its reading of a text, the place of a call in its list. */
function plain(value) {
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (value === null || typeof value !== 'object') {
    return value;
  }
  const own = ['parsed', 'parsed_arguments', 'output_parsed'];
  const members = Object.entries(value).filter(
    ([name, member]) => !own.includes(name) && !(name === 'index' && 'function' in value) && member !== undefined,
  );
  return Object.fromEntries(members.map(([name, member]) => [name, plain(member)]));
}

async function chat(what, body) {
  const whole = await client.chat.completions.create(body);
  const stream = client.chat.completions.stream({ ...body, stream_options: { include_usage: true } }, again);
  checks.equal(what, plain(await stream.finalChatCompletion()), plain(whole));
}

async function response() {
  const body = { model: MODEL, input: 'node: a response' };
  const whole = await client.responses.create(body);
  const stream = client.responses.stream(body, again);
  checks.equal('a response', plain(await stream.finalResponse()), plain(whole));
}

await Promise.all([...Object.entries(CHATS).map(([what, body]) => chat(what, body)), response()]);
checks.close();
