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
