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
