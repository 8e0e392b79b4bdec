import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { createCluster, IMAGE_TOOLS, parseClusterConfig, type Cluster } from '../engine/cluster.ts'
import { registerPrograms } from '../shell/programs.ts'
import { loadLab } from './load.ts'
import { runScript } from './script.ts'
import { bearLabCluster } from './start.ts'

/** The images of a lab's pack, in a cluster: samples/images-good declares a shop and a printer. */
const folder = join(import.meta.dirname, 'samples/images-good')
let cluster: Cluster
const run = (script: string, stdin = ''): { stdout: string; stderr: string; code: number } => runScript(cluster, script, { stdin })

beforeAll(() => {
  const files = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')] as const))
  const loaded = loadLab('sample', new Map([...files, ['steps/1.md', 'Do it.\n'], ['solution.txtar', '-- 1 --\n$ true\n'], ['wrong.txtar', '']]))
  if (!('lab' in loaded)) throw new Error(JSON.stringify(loaded))
  cluster = bearLabCluster(loaded.lab)
  run('kubectl run front --image=example.com/front --env=SHOP=shop --port=80 --expose; kubectl run lost --image=example.com/front --env=SHOP=nowhere; kubectl run shop --image=example.com/shop:1.0 --env=DATABASE_HOST=db --port=8080 --expose; kubectl run broken --image=example.com/shop:1.0; kubectl run printer --image=printer; kubectl run tool --image=busybox -- sleep infinity; kubectl wait --for=condition=Ready pod/shop pod/tool pod/printer pod/front; sleep 3')
})

describe('images that a lab declares', () => {
  it('answer by path, and fill in what is asked for', () => {
    const get = (url: string): string => run(`kubectl exec tool -- wget -qO- http://shop:8080${url}`).stdout
    expect(get('/')).toMatch(/^Welcome 10\.244\.\d\.\d+, this is shop at 10\.244\.\d\.\d+\n$/)
    expect(get('/healthz')).toBe('ok')
    expect(get('/items/7?q=red+shoes')).toBe('{"path":"/items/7","q":"red shoes"}')
    expect(run('kubectl exec tool -- wget -qO- http://shop:8080/broken').stderr).toContain('server returned error: HTTP/1.1 503 Service Unavailable')
    expect(run('kubectl exec shop -- curl -si http://localhost:8080/items/1').stdout).toContain('X-Served-By: shop\r\n')
    expect(run('kubectl exec tool -- wget -qO- http://shop:8080/else').stderr).toContain('404 Not Found')
  })

  it('ask others, and give what comes back', () => {
    expect(run('kubectl exec tool -- wget -qO- http://front/front').stdout).toBe('front\n')
    expect(run('kubectl exec tool -- wget -qO- "http://front/items/7?q=red"').stdout).toBe('{"path":"/items/7","q":"red"}')
    expect(run('kubectl exec tool -- wget -qO- http://front/broken').stderr).toContain('503 Service Unavailable')
    const lost = run('kubectl get pod lost -o jsonpath={.status.podIP}').stdout
    expect(run(`kubectl exec shop -- curl -s http://${lost}/x`).stdout).toBe('502 bad gateway: dial tcp: lookup nowhere: no such host\n')
    expect(run('kubectl logs lost').stdout).toContain('GET http://nowhere:8080/x: dial tcp: lookup nowhere: no such host\n')
  })

  it('have their files, environment and tools, and no others', () => {
    expect(run('kubectl exec shop -- cat /etc/shop/shop.conf').stdout).toBe('currency = EUR\n')
    expect(run('kubectl exec shop -- sh -c \'echo $GREETING\'').stdout).toBe('Welcome\n')
    expect(run('kubectl exec shop -- dig x').stderr).toContain('exec: "dig": executable file not found in $PATH')
    expect(run('kubectl exec printer -- sh').stderr).toContain('exec: "sh": executable file not found in $PATH')
  })

  it('log what they are told to, and want the environment that they need', () => {
    expect(run('kubectl logs shop').stdout).toMatch(/^shop listens, its database is db\n10\.244\.\d\.\d+ GET \/\n/)
    expect(run('kubectl logs broken').stdout).toBe('environment variable DATABASE_HOST is not set\n')
  })

  it('speak by lines over TCP, and end when they are told to', () => {
    const ip = run('kubectl get pod printer -o jsonpath={.status.podIP}').stdout
    expect(run(`kubectl exec -i tool -- nc -w 1 ${ip} 515`, 'page one\npage two\n').stdout).toBe('printer printer\nprinted page one\nprinted page two\n')
    run('sleep 40')
    expect(run('kubectl get pod printer -o jsonpath="{.status.containerStatuses[0].lastState.terminated.exitCode}"').stdout).toBe('3')
    expect(run('kubectl logs printer --previous').stdout).toBe('out of paper\n')
  })

  it('another name is still no image, and the note lists the lab\'s', () => {
    run('kubectl run other --image=example.com/other; sleep 3')
    expect(run('kubectl describe pod other').stdout).toMatch(/podhop: not simulated: this image; there are .*example\.com\/shop:1\.0/)
    run('kubectl run wrong --image=example.com/shop:2.0; sleep 3')
    expect(run('kubectl describe pod wrong').stdout).toContain('failed to resolve reference "example.com/shop:2.0": example.com/shop:2.0: not found')
  })
})

it('every tool that a lab may ask for is a program', () => {
  const bare = createCluster(parseClusterConfig({ nodes: 1 }))
  registerPrograms(bare)
  expect(IMAGE_TOOLS.filter((tool) => !bare.programs.find(tool))).toEqual([])
})
