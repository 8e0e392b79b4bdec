import { expect, test } from 'vitest'
import { house } from '../../house.samples.ts'

test('bandwidth between two Pods, through a Service, as the tutorials measure it; a policy ends it', () => {
  const lab = house({ nodes: 3, cni: 'calico' })
  const pod = (name: string, node: string, args: string): string => `kubectl run ${name} --image=nicolaka/netshoot --labels=app=${name} --overrides='{"spec":{"nodeName":"${node}"}}' -- ${args} >/dev/null\n`
  expect(lab.run(`${pod('server', 'worker-1', 'iperf3 -s')}${pod('client', 'worker-2', 'sleep 1d')}kubectl expose pod server --port 5201 >/dev/null
kubectl wait --for=condition=Ready pod/server pod/client --timeout 5m >/dev/null`)).toEqual({ output: '', code: 0 })
  const inClient = (command: string): string => lab.run(`kubectl exec client -- ${command}`).output
  const out = inClient('iperf3 -c server -t 2')
  expect(out).toMatch(/^Connecting to host server, port 5201\n\[ {2}5\] local 10\.244\.\d+\.\d+ port \d+ connected to 10\.\d+\.\d+\.\d+ port 5201\n/)
  // the tunnel's headers are taken off the line's 9.41
  expect(out).toMatch(/sec {2}[\d.]+ GBytes {2}9\.\d\d Gbits\/sec {18}receiver\n\niperf Done\.\n$/)
  expect(lab.run('kubectl logs server').output).toMatch(/^-+\nServer listening on 5201 \(test #1\)\n-+\nAccepted connection from 10\.244\.\d+\.\d+, port \d+\n/)
  expect(inClient('iperf3 -c server -u -t 1')).toContain('unable to read from stream socket')
  expect(lab.run(`kubectl exec client -- fping -t 100 $(kubectl get pod server -o jsonpath='{.status.podIP}') 10.244.0.250`).output).toMatch(/^10\.244\.\d+\.\d+ is alive\n10\.244\.0\.250 is unreachable\n/)
  lab.run(`kubectl apply -f - <<'EOF'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed}
spec: {podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress]}
EOF
sleep 5`)
  expect(inClient('iperf3 -c server --connect-timeout 2000')).toContain('iperf3: error - unable to connect to server: Connection timed out\n')
})
