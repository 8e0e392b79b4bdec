import type { Process } from '../../machine/types.ts'

/** "PostgreSQL 16.9 (…) on …": what it calls itself. */
export function versionText(process: Process, version: string): string {
  return process.fs.exists('/etc/alpine-release')
    ? `PostgreSQL ${version} on x86_64-pc-linux-musl, compiled by gcc (Alpine 14.2.0) 14.2.0, 64-bit`
    : `PostgreSQL ${version} (Debian ${version}-1.pgdg120+1) on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14) 12.2.0, 64-bit`
}

export function versionOf(process: Process): string {
  return process.env.get('PG_VERSION')?.replace(/-.*$/, '') ?? '17.5'
}
