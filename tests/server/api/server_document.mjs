// What the tests of openapi.json and of docs/api.md share: command lines with curl, run against a server of their own.
import {spawn} from 'node:child_process';
import {startServer} from '../../support/web/server.mjs';

/// A server without a writer, whose revisions are therefore the same in each run.
export const startQuietServer = () => startServer({args: ['--writer-period', '0']});

/// Runs a script in bash. In it localhost:8080 is the server, and curl answers within a few seconds, a stream (-N) within one.
/// @return what it printed, with the server's address as it was written
export async function runScript(server, script) {
  const address = new URL(server.url).host;
  const curl = `curl() { local time=10 one; for one in "$@"; do [[ $one != -N ]] || time=1; done
    command curl --silent --show-error --max-time "$time" "$@" || (($? == 28)); }\n`;
  const child = spawn('bash', ['-c', curl + script.replaceAll('localhost:8080', address)], {stdio: ['ignore', 'pipe', 'pipe']});
  const texts = {stdout: '', stderr: ''};
  for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', text => { texts[name] += text; });
  await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  const complaint = texts.stderr.split('\n').filter(line => line && !line.includes('timed out')).join('\n');
  if (complaint) throw new Error(`${script}\n${complaint}`);
  return texts.stdout.replaceAll(address, 'localhost:8080');
}

/// Reads what curl printed with --include. @return {status, headers, body}; the header's names are in lower case
export function readAnswer(text) {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) throw new Error(`this is no answer: ${text}`);
  const [first, ...fields] = text.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(fields.map(field => {
    const colon = field.indexOf(':');
    return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
  }));
  return {status: Number(first.split(' ')[1]), headers, body: text.slice(end + 4)};
}
