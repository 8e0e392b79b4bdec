import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { Lines, Served } from '../../electron/host/kube-api/served.samples.ts'

/** How long, in s; PODHOP_SOAK=600 is the whole of it, a minute shows a leak that matters. */
const SECONDS = Number(process.env['PODHOP_SOAK'] ?? 60)
/** The heap may be so much larger at the end than after the first rounds, in MB. */
const GROWTH = 12
const PODS = '/api/v1/namespaces/default/pods'
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** One round of everything that clients do, well and badly. */
async function round(served: Served, n: number): Promise<void> {
  const watches = await Promise.all(Array.from({ length: 10 }, async () => new Lines(await served.begin(`${CONFIG_MAPS}?watch=true`))))
  await served.send('POST', CONFIG_MAPS, { metadata: { name: `map-${n}` }, data: { text: 'x'.repeat(5000) } })
  await Promise.all(Array.from({ length: 100 }, (_, i) => served.ask(['/api/v1/pods', '/apis', '/openapi/v2', '/version', `${PODS}?limit=1`][i % 5]!)))
  await served.ask(CONFIG_MAPS, { method: 'POST', body: '{', headers: { 'Content-Type': 'application/json' } })
  await served.ask(`${CONFIG_MAPS}/map-${n}`, { method: 'DELETE' })
  const log = new Lines(await served.begin(`${PODS}/web/log?follow=true`))
  const shells = Array.from({ length: 5 }, () => new WebSocket(`${served.server.url.replace('https', 'wss')}${PODS}/web/exec?command=sh&stdin=true&stdout=true&tty=true`, 'v5.channel.k8s.io', { ca: served.ca, headers: served.headers }))
  await Promise.all(shells.map((shell) => new Promise((resolve, reject) => shell.on('open', resolve).on('error', reject))))
  for (const shell of shells) shell.send(Buffer.concat([Buffer.of(0), Buffer.from('echo $((1 + 1))\n')]))
  served.desk.session.input({ kind: 'time', advance: 200 })
  await new Promise((resolve) => setTimeout(resolve, 20))
  for (const one of [...watches, log]) one.tear()
  shells.forEach((shell, i) => (i % 2 ? shell.terminate() : shell.close()))
  await served.until(() => served.open === 0)
}

it(`${SECONDS} seconds of clients that come and go leave nothing in memory`, { timeout: (SECONDS + 600) * 1000 }, async () => {
  const served = await new Served().start()
  await served.send('POST', PODS, { metadata: { name: 'web' }, spec: { containers: [{ name: 'web', image: 'nginx' }] } })
  await served.desk.type('kubectl wait --for=condition=Ready pod/web', /condition met/)
  const heap = (): number => {
    gc()
    gc()
    return process.memoryUsage().heapUsed / 1024 / 1024
  }
  const end = Date.now() + SECONDS * 1000
  const seen: number[] = []
  // a slow machine needs longer for enough rounds to tell
  for (let n = 0; Date.now() < end || seen.length < 6; n++) {
    await round(served, n)
    if (n % 20 === 19) seen.push(heap())
  }
  await served.close()
  console.log(`heap after every 20th round, in MB: ${seen.map((mb) => mb.toFixed(1)).join(' ')}`)
  expect(seen.length).toBeGreaterThan(2)
  // the first rounds fill what has a limit: journeys, events, logs
  const settled = seen.slice(Math.floor(seen.length / 3))
  expect(Math.max(...settled.slice(1)) - settled[0]!).toBeLessThan(GROWTH)
})
