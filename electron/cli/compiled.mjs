import { isAscii } from 'node:buffer'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import Module, { createRequire } from 'node:module'
import { createHash } from 'node:crypto'
import { basename, dirname, join, resolve } from 'node:path'
import vm from 'node:vm'

/**
 * `require` that remembers what V8 made of a CommonJS file and of the modules that it asks for with a relative path: compiling the
 * whole of Podhop takes longer than bearing its cluster. (Node has this built in since 22.8, module.enableCompileCache; 20 has not.)
 *
 * Each file's code is kept in `folder` under its time, its size, and what V8 it is for. Where it is missing, stale, spoilt or cannot
 * be kept, the file is compiled as usual. V8 compiles a function when it is first called, so each `purpose` (the command) has its own.
 * Files must be without import(), which Node does not offer to such code; the build makes them so.
 */
export function requireCompiled(file, folder, purpose = '') {
  const runtime = createHash('sha256').update([process.version, process.arch, ...process.execArgv, purpose].join('\n')).digest('hex').slice(0, 8)
  const loaded = new Map()
  const fresh = []

  const load = (path) => {
    const known = loaded.get(path)
    if (known) return known.exports
    const { mtimeMs, size } = statSync(path)
    const prefix = `${basename(path)}.${runtime}.`
    const kept = join(folder, `${prefix}${mtimeMs}-${size}`)
    const cachedData = readKept(kept)
    const script = new vm.Script(Module.wrap(textOf(readFileSync(path))), { filename: path, cachedData })
    if (!cachedData || script.cachedDataRejected) fresh.push({ script, prefix, kept })
    const module = { exports: {} }
    loaded.set(path, module)
    const outside = createRequire(path)
    const require = (id) => (id.startsWith('.') ? load(resolve(dirname(path), id)) : outside(id))
    script.runInThisContext().call(module.exports, module.exports, require, module, path, dirname(path))
    return module.exports
  }

  // At the end: what this run needed is there for the next.
  process.once('exit', () => {
    for (const { script, prefix, kept } of fresh) keep(script, prefix, kept)
  })
  return load(file)
}

/** V8 reads ASCII in a tenth of the time, and keeps it in half the memory. */
const textOf = (bytes) => bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8')

function readKept(path) {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

/** In the place of what was kept of an older file; a folder that cannot be written to is no one's fault. */
function keep(script, prefix, path) {
  const folder = dirname(path)
  const draft = `${path}.${process.pid}`
  try {
    mkdirSync(folder, { recursive: true })
    writeFileSync(draft, script.createCachedData())
    renameSync(draft, path)
    for (const name of readdirSync(folder)) if (name.startsWith(prefix) && name !== basename(path) && !name.startsWith(`${basename(path)}.`)) rmSync(join(folder, name), { force: true })
  } catch {
    try {
      rmSync(draft, { force: true })
    } catch {
      // nor could it be made
    }
  }
}
