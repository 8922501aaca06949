// The document at /v1/openapi.json: it is valid, and the server keeps to it. Each code sample in it is sent, and each example is the
// body or the answer of the sample with its name.
import assert from 'node:assert/strict';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {Validator} from '@seriousme/openapi-schema-validator';
import {Ajv2020} from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import {readAnswer, runScript, startQuietServer} from './server_document.mjs';

const server = await startQuietServer();
// Of a server without data there is no backup.
const scratch = mkdtempSync(join(tmpdir(), 'holdfast-openapi-'));
const keepingServer = await startQuietServer({data: join(scratch, 'data')});
after(async () => {
  await Promise.all([server.stop(), keepingServer.stop()]);
  rmSync(scratch, {recursive: true});
});
const text = await (await fetch(`${server.url}/v1/openapi.json`)).text();
const api = JSON.parse(text);

const at = pointer => pointer.slice(2).split('/').reduce((node, part) => node[decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')], api);
const follow = node => (node?.$ref ? at(node.$ref) : node);

const ajv = addFormats(new Ajv2020({strict: false, allErrors: true}));
ajv.addSchema(api, 'api');
/// Holds a value to the schema at a place in the document.
function check(place, value, what) {
  const pointer = place.map(part => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
  const validate = ajv.getSchema(`api#/${pointer}`);
  assert.ok(validate(value), `${what}: ${JSON.stringify(value).slice(0, 400)}\n${JSON.stringify(validate.errors?.slice(0, 5), null, 1)}`);
}

const operations = Object.entries(api.paths).flatMap(([path, item]) => Object.entries(item)
  .filter(([method]) => method !== 'parameters')
  .map(([method, operation]) => ({name: `${method.toUpperCase()} ${path}`, path, method, item, operation})));

test('the document is valid OpenAPI 3.1', async () => {
  const validator = new Validator();
  const result = await validator.validate(JSON.parse(text));
  assert.ok(result.valid, JSON.stringify(result.errors, null, 1));
  assert.equal(validator.version, '3.1');
});

test('no reference leads nowhere, and nothing is described in vain', () => {
  const used = new Set();
  (function walk(node) {
    if (Array.isArray(node)) return node.forEach(walk);
    if (node === null || typeof node !== 'object') return;
    if (typeof node.$ref === 'string') {
      assert.ok(at(node.$ref) !== undefined, node.$ref);
      used.add(node.$ref);
    }
    Object.values(node).forEach(walk);
  })(api);
  // Those of security are named without a path.
  for (const one of api.security) for (const name of Object.keys(one)) used.add(`#/components/securitySchemes/${name}`);
  for (const [kind, all] of Object.entries(api.components))
    for (const name of Object.keys(all)) assert.ok(used.has(`#/components/${kind}/${name}`), `nothing refers to ${kind}/${name}`);
});

test('each variable in a path is described', () => {
  for (const {name, path, item, operation} of operations) {
    const variables = [...path.matchAll(/\{(.*?)\}/g)].map(found => found[1]);
    const described = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(follow).filter(one => one.in === 'path').map(one => one.name);
    assert.deepEqual(described, variables, name);
  }
});

test("each parameter's and header's own example fits its schema", () => {
  for (const kind of ['parameters', 'headers'])
    for (const [name, one] of Object.entries(api.components[kind])) check(['components', kind, name, 'schema'], one.example, name);
});

// What any answer has, and what says how it is framed.
const anywhere = new Set(['date', 'x-content-type-options', 'content-length', 'content-type', 'transfer-encoding', 'connection']);
// An array is like another if its first elements are; a text or number is like any other of its kind.
function shapeOf(value) {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value;
  return Object.fromEntries(Object.keys(value).sort().map(key => [key, shapeOf(value[key])]));
}

/// The document's part for an answer, and where it is.
function responseTo({path, method, operation}, status) {
  const place = ['paths', path, method, 'responses', String(status)];
  const found = operation.responses[status];
  assert.ok(found, `the document has no ${status} here`);
  return found.$ref ? {place: found.$ref.slice(2).split('/'), response: at(found.$ref)} : {place, response: found};
}

function checkHeaders(response, headers) {
  const described = Object.fromEntries(Object.entries(response.headers ?? {}).map(([name, one]) => [name.toLowerCase(), follow(one)]));
  for (const [name, one] of Object.entries(described)) assert.ok(!one.required || name in headers, `${name} is missing`);
  for (const [name, value] of Object.entries(headers)) {
    if (anywhere.has(name)) continue;
    assert.ok(name in described, `the document has no header ${name} here`);
    const {schema} = described[name];
    check(['components', 'headers', Object.entries(api.components.headers).find(([, one]) => one === described[name])[0], 'schema'],
          schema.type === 'integer' || schema.type === 'number' ? Number(value) : value, name);
  }
}

function checkBody({place, response}, answer, sample) {
  const type = (answer.headers['content-type'] ?? '').split(';')[0];
  if (answer.body === '') return assert.ok(!type || sample.source.includes('-I') || answer.headers['content-length'] === '0', 'the body is missing');
  assert.ok(response.content?.[type], `the document has no ${type} here`);
  const media = [...place, 'content', type];
  const example = response.content[type].examples?.[sample.label]?.value;
  if (type.endsWith('ndjson')) {
    const lines = answer.body.split('\n').filter(line => line).map(line => JSON.parse(line));
    assert.ok(lines.length > 0);
    for (const line of lines) check([...media, 'schema'], line, 'a line');
    if (example !== undefined) assert.deepEqual(lines.map(shapeOf), example.split('\n').filter(line => line).map(line => shapeOf(JSON.parse(line))));
  } else if (type.endsWith('json')) {
    const value = JSON.parse(answer.body);
    check([...media, 'schema'], value, 'the body');
    if (example !== undefined) {
      check([...media, 'schema'], example, 'the example');
      assert.deepEqual(shapeOf(example), shapeOf(value));
    }
  } else if (example !== undefined) {
    const fields = body => body.split('\n').map(line => line.split(':')[0]);
    assert.deepEqual(fields(answer.body), fields(example));
  }
}

/// What a sample sends as its body.
const bodyOf = source => runScript(server, `curl() { while (($#)); do case $1 in -d | --data-binary) printf %s "$2" ;; esac; shift; done; }\n${source}`);

for (const one of operations) {
  describe(one.name, () => {
    const samples = one.operation['x-codeSamples'];
    test('has samples of each of its names', async () => {
      assert.ok(samples.length > 0);
      assert.equal(new Set(samples.map(sample => sample.label)).size, samples.length, 'two samples have one name');
      const bodies = Object.values(one.operation.requestBody?.content ?? {}).flatMap(media => Object.entries(media.examples ?? {}));
      if (one.operation.requestBody) assert.ok(bodies.length > 0);
      for (const [label, example] of bodies) {
        const sample = samples.find(each => each.label === label);
        assert.ok(sample, `there is no sample ${label}`);
        const sent = await bodyOf(sample.source);
        if (typeof example.value === 'string' && sent.includes('\n')) assert.equal(sent, example.value);
        else assert.deepEqual(JSON.parse(sent), typeof example.value === 'string' && example.value !== JSON.parse(sent) ? JSON.parse(example.value) : example.value);
      }
      for (const [status, response] of Object.entries(one.operation.responses))
        for (const media of Object.values(response.content ?? {}))
          for (const label of Object.keys(media.examples ?? {}))
            assert.ok(samples.some(sample => sample.label === label && sample['x-status'] === Number(status)), `there is no sample ${label}`);
      // What succeeds is shown.
      for (const status of Object.keys(one.operation.responses).filter(each => each.startsWith('2')))
        assert.ok(samples.some(sample => sample['x-status'] === Number(status)) || one.path === '/assets/{file}' || status === '200' && one.operation.responses[201],
                  `there is no sample for ${status}`);
    });
    const asked = one.path === '/v1/backups' ? keepingServer : server;
    for (const sample of samples) {
      test(sample.label, async () => {
        const method = /-X (\w+)/.exec(sample.source)?.[1] ?? (sample.source.includes(' -I ') ? 'HEAD' : 'GET');
        assert.equal(method, one.method.toUpperCase());
        const address = /localhost:8080([^\s'"]*)/.exec(sample.source)[1];
        assert.match(address.split('?')[0], new RegExp(`^${one.path.replaceAll(/\{.*?\}/g, '.+')}$`));
        await fetch(`${server.url}/v1/kv?all=true`, {method: 'DELETE'});
        const prepared = (sample['x-before'] ?? []).map(line => (line.includes('=$(') ? line : `${line} >/dev/null`)).join('\n');
        const contents = Object.values(follow(one.operation.responses[sample['x-status']]).content ?? {});
        const example = contents.map(media => media.examples?.[sample.label]?.value).find(value => typeof value === 'string');
        const lines = example === undefined ? '' : example.split('\n').length - 1;
        const answer = readAnswer(await runScript(asked, `${prepared}\n${sample.source.replace('curl', 'curl --include')}`, lines));
        assert.equal(answer.status, sample['x-status'], answer.body);
        const found = responseTo(one, answer.status);
        checkHeaders(found.response, answer.headers);
        checkBody(found, answer, sample);
      });
    }
  });
}
