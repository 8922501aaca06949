// The page's own modules, as the build has them, for Node.js: the bundler strips the types.
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';

const tree = join(process.env.HOLDFAST_PAGE, 'npm');

/// The directory with the files that the server serves.
export const pageDirectory = join(process.env.HOLDFAST_PAGE, 'page');

/// @return all that these modules of source/ export, in one object
export async function load(...names) {
  const {build} = await import(pathToFileURL(join(tree, 'node_modules/esbuild/lib/main.js')).href);
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-page-'));
  try {
    await build({entryPoints: names.map(name => join(tree, 'source', `${name}.ts`)), outdir: directory, outExtension: {'.js': '.mjs'},
      bundle: true, splitting: true, format: 'esm', logLevel: 'warning'});
    const modules = await Promise.all(names.map(name => import(pathToFileURL(join(directory, `${name}.mjs`)).href)));
    return Object.assign({}, ...modules);
  } finally {
    rmSync(directory, {recursive: true});
  }
}
