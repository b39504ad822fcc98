// Writes dist/: index.html and, named by their content, one script and one style sheet, each also as .gz and .br.
// The same sources give the same bytes: no times, no paths, fixed compression settings.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const here = new URL('.', import.meta.url);
const dist = new URL('dist/', here);
const read = (path) => readFileSync(new URL(path, here));

const result = await build({
  absWorkingDir: here.pathname,
  entryPoints: ['src/main.tsx', 'src/style.css'],
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  outdir: 'dist',
  write: false,
  logLevel: 'warning',
});

const files = new Map([['favicon.svg', read('src/favicon.svg')]]);
let page = read('src/index.html').toString();
for (const { path, contents } of result.outputFiles) {
  const bytes = Buffer.from(contents);
  const extension = path.endsWith('.css') ? 'css' : 'js';
  const name = `app.${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}.${extension}`;
  files.set(name, bytes);
  page = page.replaceAll(`app.${extension}`, name);
}
files.set('index.html', Buffer.from(page));

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
for (const [name, bytes] of [...files].sort()) {
  const gz = gzipSync(bytes, { level: 9 });
  gz[9] = 255; // the operating system in gzip's header: unknown
  const br = brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
  for (const [suffix, data] of [['', bytes], ['.gz', gz], ['.br', br]]) {
    writeFileSync(new URL(name + suffix, dist), data);
  }
  console.log(`${name}  ${bytes.length} bytes, ${gz.length} gz, ${br.length} br`);
}
