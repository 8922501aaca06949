// docs/api.md: each of its examples is run, and what it says of parameters and errors is what openapi.json says.
// HOLDFAST_WRITE=1 writes the outputs and the table of errors anew instead.
import assert from 'node:assert/strict';
import {readFileSync, writeFileSync} from 'node:fs';
import {after, test} from 'node:test';
import {runScript, startQuietServer} from './server_document.mjs';

const file = process.env.HOLDFAST_API_PAGE;
const writes = process.env.HOLDFAST_WRITE === '1';
let page = readFileSync(file, 'utf8');

const server = await startQuietServer();
after(() => server.stop());
const api = await (await fetch(`${server.url}/v1/openapi.json`)).json();

const left_out = /^(Date|Content-Length|Server-Timing|Holdfast-Request-Id|X-Content-Type-Options): .*\n/gm;
const id = '3f9c01a2b4d5e6f7';
const database = /"id":"([0-9a-f]+)-/.exec(await runScript(server, "curl -N 'localhost:8080/v1/watch?initial=true&format=ndjson'", 1))[1];

/// An output as the page has it.
const shown = text => text.replaceAll('\r', '').replace(left_out, '').replaceAll(database, id).replace(/\n+$/, '');
/// Without what is another each time.
const lasting = text => text.replace(/("ttl":|Holdfast-TTL: )[\d.]+/g, '$1…').replace(/("\w+_ns":)\d+/g, '$1…').replace(/("\w+_ms":)[\d.]+/g, '$1…')
  .replace(/("id":|"seq":)\d+/g, '$1…').replace(/("request_id":")[^"]*/g, '$1…')
  .replace(/("started_at":)"[^"]*"/, '$1…').replace(/127\.0\.0\.1:\d+/g, '…').replace(/(crc32c":)"\w+"/g, '$1…').replace(/localhost:\d+/g, '…');

/// The commands of a block, each with what it printed.
function commandsOf(block) {
  const found = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('$ ')) found.push({command: line.slice(2), output: []});
    else found.at(-1).output.push(line);
  }
  return found.map(({command, output}) => ({command, output: output.join('\n').replace(/\n+$/, '')}));
}

for (const [all, block] of [...page.matchAll(/^```console\n(.*?)\n```$/gms)]) {
  const commands = commandsOf(block);
  test(commands[0].command, async () => {
    const script = commands.map(one => {
      const body = one.command.includes(' -i') ? one.output.slice(one.output.indexOf('\n\n') + 2) : one.output;
      return `lines=${writes ? '' : body.split('\n').length}\n${one.command}`;
    });
    const printed = (await runScript(server, script.join("\nprintf '\\036'\n"))).split('\x1e').map(shown);
    if (writes) {
      const told = commands.map((one, i) => `$ ${one.command}${printed[i] ? `\n${printed[i]}` : ''}`).join('\n');
      page = page.replace(all, () => `\`\`\`console\n${told}\n\`\`\``);
      return;
    }
    commands.forEach((one, i) => assert.equal(lasting(printed[i]), lasting(one.output), one.command));
  });
}

test('the table has each error code, its status and what to do', () => {
  const rows = api.components.schemas.problem.properties.code.oneOf
    .map(one => [one['x-status'], `| \`${one.const}\` | ${one['x-status']} | ${one.title}. ${one.description} |`])
    .sort(([a], [b]) => a - b).map(([, row]) => row);
  const table = `| code | status | what to do |\n|---|---|---|\n${rows.join('\n')}\n`;
  const written = page.slice(page.indexOf('| code | status |'));
  if (writes) page = page.replace(written, () => table);
  else assert.equal(written, table);
});

test('each path, parameter and condition is named', () => {
  for (const [path, item] of Object.entries(api.paths)) {
    if (path.startsWith('/assets/')) continue;
    const at = page.indexOf(path === '/' ? '`GET /`' : path);
    assert.ok(at >= 0, `${path} is missing`);
    const heading = new RegExp(`^## .*\`${path.replace(/[{}]/g, '\\$&')}\`.*$(.*?)(?=^## )`, 'ms').exec(page);
    const section = heading ? heading[0] : page;
    for (const operation of Object.values(item))
      for (const one of operation.parameters ?? []) {
        const {name, in: where} = one.$ref.split('/').slice(1).reduce((node, part) => node[part], api);
        assert.ok(new RegExp(`${where === 'query' ? '[`?&]' : ''}${name}\\b`).test(where === 'query' ? section : page), `${path}: ${name} is missing`);
      }
  }
});

after(() => { if (writes) writeFileSync(file, page); });
