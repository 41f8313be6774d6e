/** The queries of the dashboards, as Grafana would send them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface PanelQuery {
  readonly dashboard: string;
  readonly panel: string;
  readonly expr: string;
}

interface Dashboard {
  readonly title: string;
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
}

export function queriesOf(root: string): PanelQuery[] {
  const folder = join(root, 'helm/mimir-edge/dashboards');
  return readdirSync(folder).flatMap((file) => {
    const { title, panels }: Dashboard = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    return panels.flatMap((panel) =>
      panel.targets.map(({ expr }) => ({ dashboard: title, panel: panel.title, expr })),
    );
  });
}
