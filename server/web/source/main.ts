// The server's page.
const heading = document.createElement('h1');
heading.textContent = 'Holdfast';
document.body.append(heading);
