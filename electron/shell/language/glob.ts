import type { Filesystem } from '../../engine/machine/types.ts'
import { hasGlob, matchesPattern, unescapePattern } from './pattern.ts'

export interface GlobOptions {
  extended?: boolean
  dots?: boolean
  ignoreCase?: boolean
  globstar?: boolean
}

/** Pathname expansion: the paths that match, sorted; empty when none does. */
export function expandGlob(fs: Filesystem, cwd: string, pattern: string, options: GlobOptions): string[] {
  const absolute = pattern.startsWith('/')
  const parts = pattern.split('/').filter((p, i, all) => p !== '' || i === all.length - 1)
  let found = [absolute ? '/' : '']
  parts.forEach((part, i) => {
    const last = i === parts.length - 1
    const next: string[] = []
    for (const prefix of found) {
      if (part === '') {
        if (isDirectory(fs, cwd, prefix)) next.push(prefix.endsWith('/') ? prefix : prefix + '/')
        continue
      }
      const join = (name: string): string => (prefix === '' || prefix.endsWith('/') ? prefix + name : `${prefix}/${name}`)
      if (part === '**' && options.globstar) {
        next.push(...tree(fs, cwd, prefix, last))
        continue
      }
      if (!hasGlob(part, options.extended)) {
        const path = join(unescapePattern(part))
        if (exists(fs, cwd, path)) next.push(path)
        continue
      }
      for (const name of names(fs, cwd, prefix)) {
        if (name.startsWith('.') && !part.startsWith('.') && !part.startsWith('\\.') && !options.dots) continue
        if (!matchesPattern(part, name, { extended: options.extended, ignoreCase: options.ignoreCase, pathname: true })) continue
        const path = join(name)
        if (last || isDirectory(fs, cwd, path)) next.push(path)
      }
    }
    found = next
  })
  return found.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

function at(cwd: string, path: string): string {
  return path.startsWith('/') ? path : `${cwd}/${path}`
}

function names(fs: Filesystem, cwd: string, path: string): string[] {
  try {
    return fs.readDirectory(at(cwd, path || '.'))
  } catch {
    return []
  }
}

function exists(fs: Filesystem, cwd: string, path: string): boolean {
  try {
    fs.lstat(at(cwd, path))
    return true
  } catch {
    return false
  }
}

function isDirectory(fs: Filesystem, cwd: string, path: string): boolean {
  try {
    return fs.stat(at(cwd, path || '.')).type === 'directory'
  } catch {
    return false
  }
}

function tree(fs: Filesystem, cwd: string, prefix: string, files: boolean): string[] {
  const out = files ? [] : [prefix]
  const walk = (path: string): void => {
    for (const name of names(fs, cwd, path)) {
      if (name.startsWith('.')) continue
      const inner = path === '' || path.endsWith('/') ? path + name : `${path}/${name}`
      const directory = isDirectory(fs, cwd, inner)
      if (files || directory) out.push(inner)
      if (directory) walk(inner)
    }
  }
  walk(prefix)
  return out
}
