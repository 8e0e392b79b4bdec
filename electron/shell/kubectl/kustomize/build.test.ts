import { describe, expect, it } from 'vitest'
import { parseClusterConfig } from '../../../engine/cluster.ts'
import { runScript } from '../../../lab/script.ts'
import { bearCluster } from '../../../lab/start.ts'

const WRITE = `
mkdir -p base over
cat > base/site.yaml <<'EOF'
apiVersion: apps/v1
kind: Deployment
metadata: {name: site}
spec:
  selector: {matchLabels: {app: site}}
  template:
    metadata: {labels: {app: site}}
    spec:
      containers: [{name: web, image: nginx, envFrom: [{configMapRef: {name: settings}}]}]
---
apiVersion: v1
kind: Service
metadata: {name: site}
spec: {selector: {app: site}, ports: [{port: 80}]}
EOF
cat > base/kustomization.yaml <<'EOF'
resources: [site.yaml]
configMapGenerator: [{name: settings, literals: [colour=blue]}]
EOF
cat > over/kustomization.yaml <<'EOF'
resources: [../base]
namePrefix: test-
replicas: [{name: site, count: 2}]
images: [{name: nginx, newTag: "1.27"}]
configMapGenerator: [{name: settings, behavior: merge, literals: [size=3]}]
patches: [{patch: '{apiVersion: v1, kind: Service, metadata: {name: site}, spec: {type: NodePort}}'}]
EOF
`

function kubectl(script: string): { stdout: string; stderr: string; code: number | undefined } {
  const cluster = bearCluster(parseClusterConfig({ nodes: 2 }, 'cluster'))
  return runScript(cluster, WRITE + script)
}

describe('a folder with a kustomization', () => {
  it('becomes objects that know each other by their new names', () => {
    const { stdout, code } = kubectl('kubectl kustomize over')
    expect(code).toBe(0)
    const name = /name: (test-settings-\w{10})/.exec(stdout)?.[1]
    expect(stdout.split(name!)).toHaveLength(3)
    expect(stdout).toContain('colour: blue\n  size: "3"')
    expect(stdout).toContain('image: nginx:1.27')
    expect(stdout).toContain('replicas: 2')
    expect(stdout).toContain('type: NodePort')
  })

  it('is applied, and runs', () => {
    const { stdout, code } = kubectl('kubectl apply -k over && kubectl rollout status deploy/test-site && kubectl exec deploy/test-site -- printenv colour size && curl -s -o /dev/null -w "%{http_code}" http://$(kubectl get nodes worker-1 -o jsonpath={.status.addresses[0].address}):$(kubectl get svc test-site -o jsonpath={.spec.ports[0].nodePort})')
    expect(code).toBe(0)
    expect(stdout).toMatch(/deployment "test-site" successfully rolled out\nblue\n3\n200$/)
  })

  it('is not read outside of itself, and says what is wrong', () => {
    expect(kubectl('echo "resources: [../base/site.yaml]" > over/kustomization.yaml; kubectl apply -k over').stderr).toMatch(/^error: accumulating resources: .*security; file '\/home\/student\/base\/site\.yaml' is not in or below '\/home\/student\/over'/)
    expect(kubectl('echo "namePrefx: x" > over/kustomization.yaml; kubectl kustomize over').stderr).toBe('error: invalid Kustomization: json: unknown field "namePrefx"\n')
    expect(kubectl('echo "{resources: [../base], namespace: there, patches: [{target: {kinds: Service}, patch: x}]}" > over/kustomization.yaml; kubectl kustomize over').stderr).toBe('error: invalid Kustomization: json: unknown field "kinds"\n')
    const twice = '{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, metadata: {name: p}}, {apiVersion: v1, kind: Pod, metadata: {name: p, namespace: a}}]}'
    expect(kubectl(`echo '${twice}' > over/twice.yaml; echo '{resources: [twice.yaml], namespace: there}' > over/kustomization.yaml; kubectl kustomize over`).stderr).toMatch(/^error: namespace transformation produces ID conflict: \[\{"apiVersion":"v1","kind":"Pod"/)
    expect(kubectl('echo "helmCharts: [{name: x}]" > over/kustomization.yaml; kubectl kustomize over').stderr).toBe('podhop: not simulated: helmCharts in a kustomization (write plain resources and patches)\n')
  })
})
