import { expect, test } from 'vitest'
import { house } from './house.samples.ts'

/** The executables in /opt/cni/bin are called by each other: whichever is missing is named, in the words of who has called it. */
const LATE = `
apiVersion: v1
kind: Pod
metadata: {name: late}
spec: {nodeName: worker-1, containers: [{name: main, image: nginx:1.27.5}]}
`

test.each([
  ['flannel', 'loopback', 'plugin type="loopback" failed (add): '],
  ['flannel', 'bridge', 'plugin type="flannel" failed (add): failed to delegate add: '],
  ['flannel', 'host-local', 'plugin type="flannel" failed (add): failed to delegate add: '],
  ['flannel', 'portmap', 'plugin type="portmap" failed (add): '],
  ['bridge', 'host-local', 'plugin type="bridge" failed (add): '],
  ['calico', 'calico-ipam', 'plugin type="calico" failed (add): '],
])('%s without %s: new Pods say so, and start once it is back', (cni, name, words) => {
  const { run } = house({ cni })
  run(`hop node worker-1 -- mv /opt/cni/bin/${name} /root/`)
  run('kubectl apply -f -; sleep 5', LATE)
  expect(run('kubectl describe pod late').output).toContain(`: ${words}failed to find plugin "${name}" in path [/opt/cni/bin]\n`)
  run(`hop node worker-1 -- mv /root/${name} /opt/cni/bin/; sleep 30`)
  expect(run('kubectl get pod late').output).toMatch(/late +1\/1 +Running/)
})
