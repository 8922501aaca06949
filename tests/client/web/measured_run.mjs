// A real server, a real run, and what the run wrote.
import {execFile, spawn} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';

/// Starts the server on a port of its choice. @return {url, stop}
async function startServer() {
  const child = spawn(process.env.HOLDFAST_SERVER, ['--listen', '127.0.0.1:0'], {stdio: ['ignore', 'pipe', 'pipe']});
  const url = await new Promise((resolve, reject) => {
    let said = '';
    const listen = chunk => {
      said += chunk;
      const found = /address=(127\.0\.0\.1:\d+)/.exec(said);
      if (found) resolve(`http://${found[1]}`);
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.on('exit', () => reject(new Error(`the server ended: ${said}`)));
  });
  return {url, stop: () => new Promise(resolve => { child.on('exit', resolve); child.kill(); })};
}

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
