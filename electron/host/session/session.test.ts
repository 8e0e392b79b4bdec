import { get } from 'node:http'
import { mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { Desk, eventually, occupy } from './desk.samples.ts'

const desks: Desk[] = []
function desk(options: ConstructorParameters<typeof Desk>[0] = {}): Desk {
  const made = new Desk(options)
  desks.push(made)
  return made
}
afterEach(() => {
  for (const made of desks.splice(0)) made.session.close()
})

const log = (d: { folder: string } | string, lab = 'free'): string => join(typeof d === 'string' ? d : d.folder, 'sessions', `${lab}.jsonl`)
const page = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, agent: false }, (response) => {
      let text = ''
      response.on('data', (data: Buffer) => (text += data.toString())).on('end', () => resolve(text))
    }).on('error', reject)
  })

describe('a session', () => {
  it('opens with a terminal, and continues after it was closed: terminals, output, objects, files', async () => {
    const first = desk()
    await first.session.open(null)
    expect(first.session.terminalIds).toEqual(['t1'])
    await first.type('kubectl run web --image=nginx; kubectl wait --for=condition=Ready pod/web; echo kept > note.txt', /condition met/)
    expect(await first.session.openTerminal(80, 24)).toBe('t2')
    first.close()
    const second = desk({ folder: first.folder })
    await second.session.open(null)
    expect(second.session.terminalIds).toEqual(['t1', 't2'])
    const text = second.session.printed('t1').map((part) => part.text).join('')
    expect(text).toBe(first.output.slice(0, text.length))
    expect(text).toContain('condition met')
    await second.type('cat note.txt; kubectl get pod web', /kept\s+NAME[\s\S]*Running/)
    expect(await second.session.openTerminal(80, 24)).toBe('t3')
    expect(second.notices).toEqual([])
  })

  it('killed at any byte of its log, continues with what was whole', async () => {
    const first = desk()
    await first.session.open(null)
    for (const n of [1, 2, 3]) await first.type(`kubectl create configmap map-${n} --from-literal=a=b`, new RegExp(`map-${n} created`))
    first.close()
    const bytes = readFileSync(log(first))
    for (let length = bytes.length; length > 0; length -= 97) {
      truncateSync(log(first), length)
      const again = desk({ folder: first.folder })
      await again.session.open(null)
      const maps = again.session.cluster!.client.list('configmaps', { namespace: 'default' }).items.map((o) => o.metadata.name).filter((n) => n.startsWith('map-'))
      expect(maps).toEqual(['map-1', 'map-2', 'map-3'].slice(0, maps.length))
      again.session.close()
      writeFileSync(log(first), bytes)
    }
  })

  it('loses at most two seconds to a kill', async () => {
    const first = desk()
    await first.session.open(null)
    await first.type('mkdir work; echo mine > work/notes; kubectl create configmap kept --from-literal=a=b', /kept created/)
    await eventually(() => readFileSync(log(first), 'utf8').includes('configmap kept'), undefined, 2000)
    const then = first.session.cluster!.clock.now
    const again = desk({ folder: first.killed() })
    await again.session.open(null)
    expect(again.session.cluster!.client.list('configmaps', { namespace: 'default' }).items.map((o) => o.metadata.name)).toContain('kept')
    expect(again.session.cluster!.clock.now).toBeGreaterThan(then - 2000)
    const { fs } = again.session.cluster!.laptop
    expect(fs.readText('/home/student/work/notes')).toBe('mine\n')
    expect(fs.readText('/home/student/.bash_history')).toContain('echo mine > work/notes')
  })

  it('begins anew, with words, when its log is of other code; what has passed in a lab stays passed', async () => {
    const first = desk()
    await first.session.open('containers-in-one-pod')
    await first.type('kubectl apply -f shop.yaml && kubectl wait --for=condition=Ready pod/shop', /condition met/)
    await eventually(() => first.session.run!.active > 1, () => (first.session.input({ kind: 'time', advance: 300 }), 'step 1'))
    first.close()
    const second = desk({ folder: first.folder, build: 'build-2' })
    await second.session.open('containers-in-one-pod')
    expect(second.session.run!.active).toBe(first.progress.lab('containers-in-one-pod')!.stepsPassed + 1)
    expect(second.session.cluster!.client.list('pods', { namespace: 'default' }).items).toEqual([])
    expect(second.notices.join()).toContain('What you have passed stays passed')
  })

  it('keeps a log that does not become the same world, and begins anew', async () => {
    const first = desk()
    await first.session.open(null)
    first.close()
    writeFileSync(log(first), readFileSync(log(first), 'utf8').replace(/"executed":\d+/, '"executed":3'))
    const second = desk({ folder: first.folder })
    await second.session.open(null)
    expect(statSync(`${log(first)}.lost`).size).toBeGreaterThan(0)
    await second.type('echo here', /here\s/)
  })

  it('works where nothing can be kept, and says so', async () => {
    const first = desk()
    mkdirSync(log(first), { recursive: true })
    await first.session.open(null)
    expect(first.notices.join()).toContain('cannot be kept')
    await first.type('echo here', /here\s/)
  })

  it('opens, leaves, resets and opens again in any hurry: the last wish counts', async () => {
    const one = desk()
    await one.session.open(null)
    await one.type('kubectl create configmap mine --from-literal=a=b', /mine created/)
    await Promise.all([one.session.open('pod-to-pod'), one.session.open(null), one.session.reset(false), one.session.open('stable-address'), one.session.open('pod-to-pod')])
    expect(one.session.labId).toBe('pod-to-pod')
    expect(one.session.run!.lab.definition.id).toBe('pod-to-pod')
    expect(one.session.busy).toBeNull()
    await one.type('kubectl get pods', /alice|No resources|NAME/)
    await one.session.open('stable-address')
    await one.session.reset(true)
    expect(one.session.run!.lab.definition.id).toBe('stable-address')
    // the free cluster was reset above
    await one.session.open(null)
    expect(one.session.cluster!.client.list('configmaps', { namespace: 'default' }).items.map((o) => o.metadata.name)).not.toContain('mine')
    await expect(one.session.open('no-such-lab')).rejects.toThrow('no-such-lab')
    expect(one.session.labId).toBeNull()
    await one.type('echo still here', /still here\s/)
  })

  it('stops a long replay when something else is wanted, and loses nothing of it', async () => {
    const first = desk()
    await first.session.open(null)
    await first.type('for i in $(seq 300); do kubectl create configmap map-$i --from-literal=a=b; done', /map-300 created/)
    first.close()
    const second = desk({ folder: first.folder })
    const replaying = second.session.open(null)
    await eventually(() => second.session.busy?.done != null)
    expect(second.session.terminalIds).toEqual([])
    second.session.input({ kind: 'terminal-input', id: 't1', data: 'lost\r' })
    await Promise.all([replaying, second.session.open('pod-to-pod')])
    expect(second.session.run!.lab.definition.id).toBe('pod-to-pod')
    await second.session.open(null)
    expect(second.session.cluster!.client.list('configmaps', { namespace: 'default' }).items.length).toBeGreaterThanOrEqual(300)
  })

  it('forgets on demand what has passed', async () => {
    const one = desk()
    await one.session.open('containers-in-one-pod')
    await one.type('kubectl apply -f shop.yaml && kubectl wait --for=condition=Ready pod/shop', /condition met/)
    await eventually(() => one.session.run!.active > 1, () => (one.session.input({ kind: 'time', advance: 300 }), 'step 1'))
    await one.session.reset(false)
    expect(one.session.run!.active).toBeGreaterThan(1)
    await one.session.reset(true)
    expect(one.session.run!.active).toBe(1)
    expect(one.progress.lab('containers-in-one-pod')!.progress.passed).toEqual({})
  })
})

describe('time of a session', () => {
  it('is paused, sped up and told the same after a restart', async () => {
    const first = desk()
    await first.session.open(null)
    first.session.input({ kind: 'time', speed: 10 })
    await first.type('hop time', /10 times/)
    await first.type('hop time pause', /\$/)
    await eventually(() => first.session.time.paused)
    first.close()
    const second = desk({ folder: first.folder })
    await second.session.open(null)
    expect(second.session.time).toEqual({ paused: true, speed: 10 })
    // what was hurried is hurried to its end
    second.session.sync()
    const { now } = second.session.cluster!.clock
    await new Promise((resolve) => setTimeout(resolve, 60))
    second.session.sync()
    expect(second.session.cluster!.clock.now).toBe(now)
  })
})

describe('port-forward of a session', () => {
  it('is there again after a restart; who was connected is gone', async () => {
    const first = desk()
    await first.session.open(null)
    await first.type('kubectl run web --image=nginx --port=80', /created/)
    const port = await first.forward()
    expect(await page(port)).toContain('Welcome to nginx!')
    first.close()
    await expect(page(port)).rejects.toThrow(/ECONNREFUSED/)
    const second = desk({ folder: first.folder })
    await second.session.open(null)
    await eventually(() => second.session.realPorts.includes(port))
    expect(await page(port)).toContain('Welcome to nginx!')
    second.close()
    // closed in the middle of a replayed session as well
    const third = desk({ folder: first.folder })
    await third.session.open(null)
    await eventually(() => third.session.realPorts.includes(port))
    third.session.input({ kind: 'terminal-input', id: 't1', data: '\x03' })
    await eventually(() => third.session.realPorts.length === 0)
    ;(await occupy(port)).close()
  })

  it('whose port is taken at the restart stays in the cluster, and a person is told', async () => {
    const first = desk()
    await first.session.open(null)
    await first.type('kubectl run web --image=nginx --port=80', /created/)
    const port = await first.forward()
    first.close()
    const other = await occupy(port)
    const second = desk({ folder: first.folder })
    await second.session.open(null)
    await eventually(() => second.notices.length > 0)
    expect(second.notices[0]).toBe(`Port ${port} of your machine is taken now (bind: address already in use). Stop the port-forward and start it on another port.`)
    expect(second.session.realPorts).toEqual([])
    other.close()
  })

  it('that waited for its port when Podhop was killed gets it after the restart', async () => {
    const first = desk()
    await first.session.open(null)
    await first.type('kubectl run web --image=nginx --port=80', /created/)
    await first.forward()
    first.session.input({ kind: 'terminal-input', id: 't1', data: '\x03' })
    first.close()
    // as if the answers of the real machine had never been written
    writeFileSync(log(first), readFileSync(log(first), 'utf8').split('\n').filter((_line, i, all) => i <= all.findIndex((l) => l.includes('port-answer')) - 1).join('\n') + '\n')
    const second = desk({ folder: first.folder })
    await second.session.open(null)
    await second.printed(/Forwarding from 127\.0\.0\.1:\d+ -> 80/)
    await eventually(() => second.session.realPorts.length === 1)
    expect(await page(second.session.realPorts[0]!)).toContain('Welcome to nginx!')
  })

  it('does not outlive its world, however quickly that is left', async () => {
    const one = desk()
    await one.session.open(null)
    await one.type('kubectl run web --image=nginx --port=80', /created/)
    const port = await one.forward()
    await one.session.open('pod-to-pod')
    await expect(page(port)).rejects.toThrow(/ECONNREFUSED/)
    expect(one.session.realPorts).toEqual([])
  })
})
