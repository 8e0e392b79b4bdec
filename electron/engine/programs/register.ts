import type { ProgramTable } from '../machine/types.ts'
import { agnhost } from './agnhost/index.ts'
import { AGNHOST_PROGRAMS } from './agnhost/log.ts'
import { bashEntrypoint } from './bash-entrypoint.ts'
import { busyboxHttpd } from './busybox-httpd.ts'
import { controlPlanePart, PARTS } from './control-plane/part.ts'
import { curlEntrypoint } from './curl-entrypoint.ts'
import { echoBasic } from './echo-basic.ts'
import { echoServer } from './echo-server.ts'
import { echoserver } from './echoserver.ts'
import { fluentd, fluentdElasticsearch, fluentdEntrypoint, tini } from './fluentd.ts'
import { goproxy } from './goproxy.ts'
import { guestbookFollower, guestbookFrontend, hpaExample } from './guestbook.ts'
import { helloApp } from './hello-app.ts'
import { helloGo } from './hello-go.ts'
import { jsonServer } from './json-server.ts'
import { starCollect, starProbe } from './star.ts'
import { starwars } from './starwars.ts'
import { httpEcho } from './http-echo.ts'
import { gunicornHttpbin } from './httpbin/httpbin.ts'
import { httpd, httpdForeground } from './httpd/httpd.ts'
import { kubernetesBootcamp } from './kubernetes-bootcamp.ts'
import { memcached, memcachedEntrypoint } from './memcached.ts'
import { mongoEntrypoint } from './mongo/entrypoint.ts'
import { mongod } from './mongo/mongod.ts'
import { mongosh } from './mongo/mongosh.ts'
import { oldMongoShell } from './mongo/old-shell.ts'
import { mysqladmin, mysqlClient } from './mysql/client.ts'
import { mariadbd, mariadbEntrypoint } from './mysql/mariadb.ts'
import { mysqlEntrypoint, mysqld } from './mysql/server.ts'
import { multitoolEntrypoint } from './multitool.ts'
import { NODE_SAMPLES, nodeSample } from './node-samples.ts'
import { autoReload } from './nginx/auto-reload.ts'
import { nginxEntrypoint } from './nginx/entrypoint.ts'
import { nginx } from './nginx/command.ts'
import { PACKAGE_MANAGERS, packageManager } from './package-manager.ts'
import { pause } from './pause.ts'
import { perl } from './perl.ts'
import { pgIsReady, psql } from './postgres/client.ts'
import { postgres } from './postgres/server.ts'
import { postgresEntrypoint } from './postgres/entrypoint.ts'
import { redisCli } from './redis/cli.ts'
import { redisEntrypoint, redisServer } from './redis/programs.ts'
import { stress } from './stress.ts'
import { systemPrograms } from './system.ts'
import type { SystemServices } from './types.ts'
import { whoami } from './whoami.ts'
import { wordpress, wordpressEntrypoint } from './wordpress.ts'

/** Enters every server program of the engine's images into a program table. */
export function registerPrograms(table: ProgramTable, services: SystemServices): void {
  for (const name of PACKAGE_MANAGERS) table.register(name, packageManager)
  table.register('nginx', nginx)
  table.register('nginx-entrypoint', nginxEntrypoint)
  table.register('nginx-auto-reload', autoReload)
  table.register('curl-entrypoint', curlEntrypoint)
  table.register('mysqld', mysqld)
  table.register('mysql-entrypoint', mysqlEntrypoint)
  table.register('http-echo', httpEcho)
  for (const name of AGNHOST_PROGRAMS) table.register(name, agnhost)
  table.register('pause', pause)
  table.register('mysql', mysqlClient)
  table.register('mysqladmin', mysqladmin)
  table.register('mongod', mongod)
  table.register('mongo-entrypoint', mongoEntrypoint)
  table.register('mongosh', mongosh)
  table.register('mongo', oldMongoShell)
  table.register('mariadbd', mariadbd)
  table.register('mariadb-entrypoint', mariadbEntrypoint)
  table.register('busybox:httpd', busyboxHttpd)
  table.register('memcached', memcached)
  table.register('memcached-entrypoint', memcachedEntrypoint)
  table.register('fluentd', fluentd)
  table.register('fluentd-elasticsearch', fluentdElasticsearch)
  table.register('fluentd-entrypoint', fluentdEntrypoint)
  table.register('tini', tini)
  table.register('postgres', postgres)
  table.register('postgres-entrypoint', postgresEntrypoint)
  table.register('psql', psql)
  table.register('pg_isready', pgIsReady)
  table.register('redis-server', redisServer)
  table.register('redis-entrypoint', redisEntrypoint)
  table.register('redis-cli', redisCli)
  table.register('guestbook-frontend', guestbookFrontend)
  table.register('guestbook-follower', guestbookFollower)
  table.register('apache-httpd', httpd)
  table.register('httpd-foreground', httpdForeground)
  table.register('deathstar', starwars)
  table.register('star-probe', starProbe)
  table.register('star-collect', starCollect)
  table.register('json-server', jsonServer)
  table.register('hello-app-1.0', helloApp('1.0.0'))
  table.register('hello-app-2.0', helloApp('2.0.0'))
  table.register('whoami-server', whoami)
  table.register('hello-go', helloGo)
  for (const [name, sample] of Object.entries(NODE_SAMPLES)) table.register(name, nodeSample(sample))
  table.register('goproxy', goproxy)
  table.register('hpa-example', hpaExample)
  table.register('wordpress', wordpress)
  table.register('wordpress-entrypoint', wordpressEntrypoint)
  table.register('multitool-entrypoint', multitoolEntrypoint)
  table.register('bash-entrypoint', bashEntrypoint)
  table.register('perl-image', perl)
  table.register('stress', stress)
  table.register('gunicorn-httpbin', gunicornHttpbin)
  for (const version of ['1.4', '1.10', '2.2'] as const) table.register(`echoserver-${version}`, echoserver(version))
  for (const version of ['1', '2'] as const) table.register(`kubernetes-bootcamp-v${version}`, kubernetesBootcamp(version))
  table.register('echo-server', echoServer)
  table.register('echo-basic', echoBasic)
  for (const name of PARTS) table.register(name, controlPlanePart(name, services))
  for (const [name, program] of Object.entries(systemPrograms(services))) table.register(name, program)
}
