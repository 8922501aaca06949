// A real server, a real run, and what the run wrote.
import {execFile} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {startServer} from '../../support/web/server.mjs';

/// Runs `holdfast load` with these arguments; {name} in one stands for a file of that name. @return {file, remove}
export async function measure(args) {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-web-'));
  const file = name => join(directory, name);
  const server = await startServer();
  try {
    await promisify(execFile)(process.env.HOLDFAST,
      ['--server', server.url, 'load', '--quiet', ...args.map(arg => arg.replace(/^\{(.*)\}$/, (_, name) => file(name)))]);
  } finally {
    await server.stop();
  }
  return {file, remove: () => rmSync(directory, {recursive: true})};
}
