/** A component that is drawn anew only when one of its properties has changed. */
import { Component, type ComponentChildren } from "preact"

export const still = <Props extends object>(draw: (props: Props) => ComponentChildren) =>
  class Still extends Component<Props> {
    override shouldComponentUpdate(next: Props): boolean {
      for (const key in next) if (next[key] !== this.props[key]) return true
      for (const key in this.props) if (!(key in next)) return true
      return false
    }
    override render(): ComponentChildren {
      return draw(this.props)
    }
  }
