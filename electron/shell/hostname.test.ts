import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** A Pod with a subdomain: its full name is in the /etc/hosts that the kubelet writes; the tools' forms are those of Debian 12. */
const MANIFEST = `
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  hostname: alpha
  subdomain: sub
  containers: [{name: debian, image: nginx}, {name: busybox, image: busybox, command: [sleep, "3600"]}]
---
apiVersion: v1
kind: Pod
metadata: {name: plain}
spec: {containers: [{name: debian, image: nginx}]}
`

describe('hostname', () => {
  let lab: House
  const inPod = (command: string): string => lab.run(`kubectl exec ${command}`).output
  beforeAll(() => {
    lab = house()
    lab.run('kubectl apply -f - && kubectl wait --for=condition=Ready pod --all', MANIFEST)
  })

  it('knows the full name and the domain of a Pod with a subdomain', () => {
    for (const container of ['debian', 'busybox']) {
      expect([container, inPod(`a -c ${container} -- hostname`)]).toEqual([container, 'alpha\n'])
      expect([container, inPod(`a -c ${container} -- hostname -f`)]).toEqual([container, 'alpha.sub.default.svc.cluster.local\n'])
      expect([container, inPod(`a -c ${container} -- hostname -d`)]).toEqual([container, 'sub.default.svc.cluster.local\n'])
      expect([container, inPod(`a -c ${container} -- dnsdomainname`)]).toEqual([container, 'sub.default.svc.cluster.local\n'])
    }
    expect(inPod('a -c debian -- hostname -a')).toBe('alpha\n')
    expect(inPod('a -c debian -- hostname -A')).toBe('alpha.sub.default.svc.cluster.local \n')
    expect(inPod('a -c debian -- hostname -i')).toMatch(/^10\.244\.\d+\.\d+\n$/)
  })

  it('has no domain to tell in any other Pod', () => {
    expect(inPod('plain -- hostname -f')).toBe('plain\n')
    expect(inPod('plain -- hostname -d')).toBe('')
  })

  it('says what the resolver says where nobody knows the name', () => {
    expect(inPod(`a -c debian -- sh -c 'echo 127.0.0.1 localhost > /etc/hosts; hostname -f'`)).toContain('hostname: Name or service not known\n')
  })
})
