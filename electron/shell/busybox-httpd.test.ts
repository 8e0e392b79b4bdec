import { spawnSync } from 'node:child_process'
import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** busybox httpd in a Pod, held against Debian's busybox in a network namespace of its own. */
const PATHS = ['/', '/a.txt', '/nope', '/sub', '/sub/', '/x.bin']
const FILES = 'mkdir -p /tmp/web/sub; cd /tmp/web; echo hello > index.html; echo x > a.txt; echo y > x.bin'
const ASK = `for u in ${PATHS.join(' ')}; do curl -si http://$H:8080$u; echo; done; curl -sI http://$H:8080/; curl -si -X PUT http://$H:8080/`
/** Times differ. */
const plain = (text: string): string => text.replace(/\r/g, '').replace(/^(Date|Last-Modified): .*$/gm, '$1').replace(/^ETag: "[0-9a-f]+-/gm, 'ETag: "T-').replace(/^Unable to use.*\n/gm, '')

const referee = spawnSync('unshare', ['-n', 'sh', '-c', 'command -v busybox && command -v curl'], { encoding: 'utf8' }).status === 0

describe('busybox httpd', () => {
  let lab: House
  beforeAll(() => {
    lab = house({ nodes: 2 })
    lab.run(`kubectl run web --image=busybox -- sh -c '${FILES}; exec httpd -f -vv -p 8080 -h /tmp/web'; kubectl run client --image=curlimages/curl --command -- sleep infinity; kubectl wait --for=condition=Ready pod/web pod/client; sleep 2`)
  })
  const ask = (): string => lab.run(`kubectl exec client -- sh -c 'H=${lab.run("kubectl get pod web -o jsonpath={.status.podIP}").output}; ${ASK}'`).output

  it.skipIf(!referee)('answers as the real one (skipped without root, busybox and curl)', () => {
    const script = `ip link set lo up; D=$(mktemp -d); cd $D; ${FILES.replaceAll('/tmp/web', '$D/web')}; busybox httpd -f -p 8080 -h $D/web & P=$!; H=127.0.0.1; for i in $(seq 200); do curl -so $D/ready http://$H:8080/a.txt && break; sleep 0.1; done; ${ASK}; kill $P; rm -r $D`
    const real = spawnSync('unshare', ['-n', 'sh', '-c', script], { encoding: 'utf8', timeout: 120_000 })
    expect(plain(ask())).toBe(plain(real.stdout))
  })

  it('says who asked for what, and why it cannot start', () => {
    ask()
    expect(lab.run('kubectl logs web').output).toMatch(/^10\.244\.\d\.\d+:\d+: url:\/\n10\.244\.\d\.\d+:\d+: response:200\n/)
    expect(lab.run('kubectl exec web -- httpd -f -p 8080').output).toContain('httpd: bind: Address already in use\n')
    expect(lab.run('kubectl exec web -- httpd -f -p 8081 -h /nodir').output).toContain("httpd: can't change directory to '/nodir': No such file or directory\n")
  })

  it('goes into the background without -f', () => {
    expect(lab.run("kubectl exec web -- sh -c 'httpd -p 8082 -h /tmp/web; wget -qO- http://127.0.0.1:8082/a.txt'").output).toBe('x\n')
  })
})
