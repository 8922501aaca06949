// build.mjs PAGE.html PAGE.js PAGE.css ICON.svg: bundles source/ into the files that the server serves. Run it in a
// directory that contains source/ and node_modules/.
import {build} from 'esbuild';
import {copyFileSync} from 'node:fs';

const [html, script, style, icon] = process.argv.slice(2);
const common = {bundle: true, minify: true, target: ['es2022'], charset: 'utf8', legalComments: 'none', logLevel: 'warning'};
await build({...common, entryPoints: ['source/main.ts'], outfile: script, format: 'iife'});
await build({...common, entryPoints: ['source/style.css'], outfile: style});
copyFileSync('source/page.html', html);
copyFileSync('source/icon.svg', icon);
