// build.mjs OUT: bundles source/ into one page without outer references and writes it to OUT. The page has a mark where
// holdfast puts a report's JSON. Run in a directory that has source/ and node_modules/ beside this file.
import {build} from 'esbuild';
import {createHash} from 'node:crypto';
import {readFileSync, writeFileSync} from 'node:fs';

const common = {bundle: true, minify: true, write: false, target: ['es2022'], charset: 'utf8', legalComments: 'none'};
const bundle = async (entry, more) => (await build({...common, entryPoints: [entry], ...more})).outputFiles[0].text.trim();
const script = await bundle('source/main.ts', {format: 'iife'});
const style = await bundle('source/style.css', {loader: {'.css': 'css'}});
if (/<\/(script|style)/i.test(script + style)) throw new Error('the bundle would end its own element');

// Whoever opens a report runs this script and no other, whatever a server or a key was called.
const hash = text => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
const policy = `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; img-src data:; ` +
  "base-uri 'none'; form-action 'none'";
const parts = {policy, script, style};
const page = readFileSync('source/page.html', 'utf8').replace(/\{\{(\w+)\}\}/g, (_, name) => parts[name]);
writeFileSync(process.argv[2], page);
