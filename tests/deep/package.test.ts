import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

/** What goes into an installer, proved with a stand-in for Electron's runtime, which may not be there. */
const linux = process.platform === 'linux'
if (!linux) console.warn('SKIPPED, LOUDLY: the package is built on Linux only')

describe.skipIf(!linux)('the package', () => {
  it('holds the built app, the labs and the pages, and no source', { timeout: 300_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'podhop-package-'))
    const runtime = join(folder, 'electron')
    mkdirSync(join(runtime, 'resources'), { recursive: true })
    mkdirSync(join(runtime, 'locales'))
    // electron-builder renames the executable and flips its fuses; any ELF file of the right name will do for the first
    copyFileSync(process.execPath, join(runtime, 'electron'))
    chmodSync(join(runtime, 'electron'), 0o755)
    for (const name of ['LICENSE', 'LICENSES.chromium.html', 'version', 'chrome-sandbox', 'chrome_crashpad_handler']) writeFileSync(join(runtime, name), '')
    // our own configuration but for the fuses, which a stand-in does not have
    const { electronFuses: _fuses, ...config } = parse(readFileSync('electron-builder.yml', 'utf8')) as { electronFuses: object; directories: object }
    const file = join(folder, 'electron-builder.json')
    writeFileSync(file, JSON.stringify({ ...config, electronDist: runtime, directories: { ...config.directories, output: join(folder, 'dist') } }))
    execFileSync(process.execPath, [join('node_modules', 'electron-builder', 'cli.js'), '--linux', 'dir', '--config', file], { stdio: 'pipe' })
    const resources = join(folder, 'dist', 'linux-unpacked', 'resources')
    expect(existsSync(join(resources, 'app.asar'))).toBe(true)
    const listing = execFileSync(process.execPath, [join('node_modules', '@electron', 'asar', 'bin', 'asar.js'), 'list', join(resources, 'app.asar')]).toString().split('\n')
    for (const name of ['/out/main/desktop.cjs', '/out/main/host-process.cjs', '/out/preload/preload.cjs', '/out/renderer/index.html', '/labs/pod-to-pod/lab.yaml', '/assets/explanations/route-lookup.md', '/package.json']) expect(listing).toContain(name)
    expect(listing.filter((name) => /\.(ts|svelte|test\.js)$/.test(name) && !name.startsWith('/node_modules/'))).toEqual([])
    expect(existsSync(join(resources, 'app.asar.unpacked', 'labs', 'pod-to-pod', 'lab.yaml'))).toBe(true)
    // a native module is loaded from a file of its own; where it could not be compiled there is none
    const pty = join('node_modules', 'node-pty', 'build', 'Release', 'pty.node')
    expect(existsSync(join(resources, 'app.asar.unpacked', pty))).toBe(existsSync(pty))
    expect(listing.filter((name) => name.startsWith('/node_modules/node-pty/src/'))).toEqual([])
  })
})
