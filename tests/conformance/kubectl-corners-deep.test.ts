import { corners } from './kubectl/corners.ts'

/** Nearly two thousand command lines, most of them with something wrong. */
for (const file of ['containers', 'get', 'change', 'create-set-delete', 'wait-describe-nodes-debug', 'requests-prune-no-server', 'configuration', 'run-wait-labels-logs', 'completion', 'edit', 'debug', 'rollout', 'sort', 'cp-proxy', 'attach', 'set', 'manifests', 'patch', 'unplugged', 'typed', 'odd-states', 'flags', 'untyped', 'kustomize']) corners(file)
