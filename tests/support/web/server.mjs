// A holdfast-server of the build, run as a process.
import {spawn} from 'node:child_process';

/// Starts a server on a free port, or on `port`, with its data in `data`, or in memory. @return {url, port, pid, stop}
export async function startServer({port = 0, args = [], data} = {}) {
  const child = spawn(process.env.HOLDFAST_SERVER, ['--listen', `127.0.0.1:${port}`, ...(data ? ['--data', data] : ['--in-memory']), ...args], {stdio: ['ignore', 'pipe', 'pipe']});
  const url = await new Promise((resolve, reject) => {
    let said = '';
    const listen = chunk => {
      said += chunk;
      const found = /address=(127\.0\.0\.1:\d+)/.exec(said);
      if (found) resolve(`http://${found[1]}`);
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.on('error', reject);
    child.on('exit', () => reject(new Error(`the server ended: ${said}`)));
  });
  return {url, port: Number(new URL(url).port), pid: child.pid, stop: () => new Promise(resolve => { child.on('exit', resolve); child.kill(); })};
}
