import type { ProgramTable } from '../machine/types.ts'
import { agnhost } from './agnhost.ts'
import { controlPlanePart, PARTS } from './control-plane.ts'
import { curlEntrypoint } from './curl-entrypoint.ts'
import { httpEcho } from './http-echo.ts'
import { mysqlEntrypoint, mysqld } from './mysql.ts'
import { nginx, nginxEntrypoint } from './nginx/nginx.ts'
import { pause } from './pause.ts'
import { systemPrograms } from './system.ts'
import type { SystemServices } from './types.ts'

/** Enters every server program of the engine's images into a program table. */
export function registerPrograms(table: ProgramTable, services: SystemServices): void {
  table.register('nginx', nginx)
  table.register('nginx-entrypoint', nginxEntrypoint)
  table.register('curl-entrypoint', curlEntrypoint)
  table.register('mysqld', mysqld)
  table.register('mysql-entrypoint', mysqlEntrypoint)
  table.register('http-echo', httpEcho)
  table.register('agnhost', agnhost)
  table.register('pause', pause)
  for (const name of PARTS) table.register(name, controlPlanePart(name, services))
  for (const [name, program] of Object.entries(systemPrograms(services))) table.register(name, program)
}
