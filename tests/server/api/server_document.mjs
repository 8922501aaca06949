// What the tests of openapi.json and of docs/api.md share: command lines with curl, run against a server of their own.
import {spawn} from 'node:child_process';
import {startServer} from '../../support/web/server.mjs';

/// A server without a writer, whose revisions are therefore the same in each run. Without `data` it keeps none.
export const startQuietServer = ({data} = {}) => startServer({args: ['--writer-period', '0'], data});

// A stream (-N) has no end: it is read until `lines` lines of its body have come; where that is not said, until nothing comes for
// two seconds.
const curl = String.raw`
curl() {
  local one streams=false includes=false
  for one in "$@"; do
    [[ $one != -N ]] || streams=true
    [[ $one != -i && $one != --include ]] || includes=true
  done
  if $streams; then stream "$@"; else command curl --silent --show-error --max-time 30 "$@"; fi
}
stream() {
  local from pid line wait=10 count=0
  exec {from}< <(exec curl --silent --show-error --max-time 30 "$@")
  pid=$!
  while IFS= read -r -t "$wait" -u "$from" line; do
    printf '%s\n' "$line"
    if $includes; then
      [[ $line != $'\r' ]] || includes=false
      continue
    fi
    count=$((count + 1))
    if [[ -z $lines ]]; then wait=2; elif ((count >= lines)); then wait=0.2; fi
  done
  kill "$pid" 2>/dev/null
  exec {from}<&-
}
`;

/// Runs a script in bash, in which localhost:8080 is the server.
/// @return what it printed, with the server's address as it was written
export async function runScript(server, script, lines = '') {
  const address = new URL(server.url).host;
  const child = spawn('bash', ['-c', `${curl}lines=${lines}\n${script.replaceAll('localhost:8080', address)}`], {stdio: ['ignore', 'pipe', 'pipe']});
  const texts = {stdout: '', stderr: ''};
  for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', text => { texts[name] += text; });
  await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (texts.stderr) throw new Error(`${script}\n${texts.stderr}`);
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
