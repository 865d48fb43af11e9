// Puts openai-node through what programs do with it: crowds, streams, tools, structured answers, errors, limits.
//
//   node exam.mjs --base-url URL --narrow-base-url URL
//
// The gateway's upstream must be the simulated one (`batch-gpt serve --simulate`). The second gateway must hold clients
// with a heartbeat and take two requests at a time, so that the client meets white space and 429.

import { parseArgs } from 'node:util';

import OpenAI from 'openai';

import { Checks } from './checks.mjs';
import { FUNCTIONS, answer, asking, form, tools } from './requests.mjs';

const CROWD = 24;
// Twice what the second gateway takes at a time.
const TOO_MANY = 4;

const { values: gateways } = parseArgs({
  options: { 'base-url': { type: 'string' }, 'narrow-base-url': { type: 'string' } },
});
const checks = new Checks();

/** The stock client with nothing set but the address. */
const client = new OpenAI({ baseURL: gateways['base-url'], apiKey: 'any' });

const ask = async (client, text) => (await client.chat.completions.create(asking(text))).choices[0].message.content;

async function stream(text) {
  let joined = '';
  for await (const chunk of await client.chat.completions.create(asking(text, { stream: true }))) {
    joined += chunk.choices[0]?.delta.content ?? '';
  }
  return joined;
}

async function call(text) {
  const { choices } = await client.chat.completions.create(asking(text, { tools }));
  return choices[0].message.tool_calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);
}

async function fill(text) {
  const { choices } = await client.chat.completions.parse(asking(text, { response_format: form }));
  return JSON.parse(choices[0].message.content);
}

async function failure(text) {
  try {
    return await ask(client, text);
  } catch (error) {
    return error instanceof OpenAI.BadRequestError ? error.status : error;
  }
}

const texts = Array.from({ length: CROWD }, (_, number) => `node asks ${number}`);
texts.push('node limited once [[status:429:1]]');
const [crowd, streamed, called, formed, failed] = await Promise.all([
  Promise.all(texts.map((text) => ask(client, text))),
  stream('node streams'),
  call('node calls [[tools]]'),
  fill('node wants a form'),
  failure('node is refused [[status:400]]'),
]);
checks.equal('the crowd', crowd, texts.map(answer));
checks.equal('the stream', streamed, answer('node streams'));
checks.equal(
  'the calls',
  called,
  FUNCTIONS.map((name) => [name, { place: answer('node calls [[tools]]') }]),
);
checks.equal('the form', formed, { place: answer('node wants a form') });
checks.equal('the failure', failed, 400);

// The client says in its log that it sends again.
let retries = 0;
const ignored = () => {};
const counting = (line) => {
  retries += line.includes('- retrying');
};
const narrow = new OpenAI({
  baseURL: gateways['narrow-base-url'],
  apiKey: 'any',
  logLevel: 'info',
  logger: { error: ignored, warn: ignored, info: counting, debug: ignored },
});
const throng = Array.from({ length: TOO_MANY }, (_, number) => `node throngs ${number}`);
checks.equal('the throng', await Promise.all(throng.map((text) => ask(narrow, text))), throng.map(answer));
checks.equal('whether anybody was turned away', retries > 0, true);
checks.close();
