import { expect, it } from 'vitest'
import { house } from '../house.samples.ts'

const on = (script: string): string => `hop node control-plane -- sh -c '${script}'`

it('a static Pod has its network also with Calico, whose plugin writes to the mirror', () => {
  const { run } = house({ nodes: 1, cni: 'calico' })
  run(on('kubectl run static --image=nginx:1.27.5 --dry-run=client -o yaml > /etc/kubernetes/manifests/static.yaml'))
  expect(run('sleep 10; kubectl get pod static-control-plane -o jsonpath="{.status.phase} {.metadata.annotations.cni\\.projectcalico\\.org/podIP} {.status.podIP}"').output).toMatch(/^Running (10\.244\.[\d.]+)\/32 \1$/)
  expect(run(on('rm /etc/kubernetes/manifests/static.yaml; sleep 40; kubectl --kubeconfig /etc/kubernetes/admin.conf get pods')).output).toBe('No resources found in default namespace.\n')
})

it('a part of the control plane whose image has no such version is not started', () => {
  const { run } = house({ nodes: 1 })
  run(on('sed -i s/kube-scheduler:v1.33.1/kube-scheduler:v1.33.100/ /etc/kubernetes/manifests/kube-scheduler.yaml; sleep 30'))
  expect(run('kubectl -n kube-system get pod kube-scheduler-control-plane --no-headers').output).toMatch(/^kube-scheduler-control-plane +0\/1 +(ErrImagePull|ImagePullBackOff) +0 /)
  expect(run('kubectl -n kube-system events --for pod/kube-scheduler-control-plane').output).toContain('Failed to pull image "registry.k8s.io/kube-scheduler:v1.33.100": ')
  run(on('sed -i s/v1.33.100/v1.33.1/ /etc/kubernetes/manifests/kube-scheduler.yaml; sleep 30'))
  expect(run('kubectl -n kube-system get pod kube-scheduler-control-plane --no-headers').output).toMatch(/ 1\/1 +Running +0 /)
})

it('of a manifest that is no Pod the kubelet\'s log says why, at once and every 20 s', () => {
  const { run } = house({ nodes: 1 })
  const file = '/etc/kubernetes/manifests/kube-scheduler.yaml'
  const broken = (change: string): string => run(on(`cp ${file} /tmp/good; sed -i ${change} ${file}; sleep 5; journalctl -u kubelet --no-pager -o cat | grep file.go | tail -1; mv /tmp/good ${file}; sleep 5`)).output.replace(/^E\d+ [\d:.]+ +\d+ /, '')
  const watched = (why: string): string => `file.go:108] "Unable to process watch event" err=${JSON.stringify(`can't process config file "${file}": ${why}`)}\n`
  expect(broken('s/^spec:/specc:/')).toBe(watched('invalid pod: [spec.containers: Required value]'))
  expect(broken('s/^kind:.*/kind:Pod/')).toBe(watched(`${file}: couldn't parse as pod(yaml: line 2: could not find expected ':'), please check config file`))
  expect(broken('s/^kind:.*/kind:\\ Pods/')).toBe(watched(`${file}: couldn't parse as pod(no kind "Pods" is registered for version "v1" in scheme "pkg/api/legacyscheme/scheme.go:30"), please check config file`))
  expect(broken('s/hostNetwork:.*/dnsPolicy:\\ Never/')).toBe(watched('invalid pod: [spec.dnsPolicy: Unsupported value: "Never": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]'))
  run(on(`sed -i s/^spec:/specc:/ ${file}; sleep 50`))
  expect(run(on('journalctl -u kubelet --no-pager -o cat | grep file.go:187')).output.match(/"Could not process manifest file" err="invalid pod: \[spec\.containers: Required value\]" path="\/etc\/kubernetes\/manifests\/kube-scheduler\.yaml"/g)).toHaveLength(2)
  expect(run('kubectl -n kube-system get pod kube-scheduler-control-plane').output).toContain('NotFound')
})
