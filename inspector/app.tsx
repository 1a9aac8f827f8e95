/** The frame of the page. */
export const App = () => <main>Troupe</main>
