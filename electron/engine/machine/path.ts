/** An absolute path without ".", "..", doubled slashes; ".." is taken as text, as the shell's `cd` does. */
export function absolutePath(cwd: string, path: string): string {
  const out: string[] = []
  for (const part of (path.startsWith('/') ? path : `${cwd}/${path}`).split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') out.pop()
    else out.push(part)
  }
  return '/' + out.join('/') + (path.endsWith('/') && out.length > 0 ? '/' : '')
}

export function baseName(path: string): string {
  const parts = path.split('/').filter(Boolean)
  return parts[parts.length - 1] ?? (path.startsWith('/') ? '/' : '')
}

export function directoryName(path: string): string {
  const trimmed = path.replace(/\/+$/, '')
  const at = trimmed.lastIndexOf('/')
  if (at < 0) return path.startsWith('/') ? '/' : '.'
  return trimmed.slice(0, at).replace(/\/+$/, '') || '/'
}

/** /proc/self is whoever looks, and /proc/net that of its network namespace, if it has one of its own. */
export function ownProc(path: string, pid: number, ownNetwork: boolean): string {
  if (path.startsWith('/proc/self/') || path === '/proc/self') return `/proc/${pid}${path.slice(10)}`
  if (path === '/proc/mounts') return `/proc/${pid}/mounts`
  return ownNetwork && /^\/proc\/(sys\/)?net(\/|$)/.test(path) ? `/proc/${pid}${path.slice(5)}` : path
}
