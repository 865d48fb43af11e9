// What the scripts ask for.

export const MODEL = 'm';

const place = {
  type: 'object',
  properties: { place: { type: 'string' } },
  required: ['place'],
  additionalProperties: false,
};

export const FUNCTIONS = ['forecast', 'history'];
export const tools = FUNCTIONS.map((name) => ({ type: 'function', function: { name, parameters: place } }));
export const form = { type: 'json_schema', json_schema: { name: 'place', strict: true, schema: place } };

/** A chat request with one question. */
export const asking = (text, members = {}) => ({
  model: MODEL,
  messages: [{ role: 'user', content: text }],
  ...members,
});

/** What the simulated upstream answers. */
export const answer = (text) => `Answer to: ${text}`;
